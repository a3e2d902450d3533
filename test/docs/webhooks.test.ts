import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { webhookSettings } from '../../src/config/webhook-settings.js';
import { webhookTypes } from '../../src/model/api/webhooks.js';
import type { AuditRow } from '../../src/model/audit.js';
import { messageOf } from '../../src/webhooks/messages.js';
import { secretText, signedHeaders } from '../../src/webhooks/signature.js';
import { run } from '../support/command.js';
import { findProgram } from '../support/tools.js';

const text = readFileSync(resolve(import.meta.dirname, '../../docs/WEBHOOKS.md'), 'utf8');

function blocks(language: string): readonly string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, 'gms'))].map(
    ([, code = '']) => code,
  );
}

const row: AuditRow = {
  seq: 42,
  timeMs: Date.UTC(2026, 4, 1, 12),
  node: '5f3a0c1e2b4d6f78',
  actor: { kind: 'user', name: 'bob' },
  address: '192.0.2.7',
  session: '31ed3bdc20657713',
  request: 'd52f4ef8950e89da',
  action: 'file.write',
  target: '/uploads/report.pdf',
  bucket: 'my-bucket',
  objectKey: 'bob/uploads/report.pdf',
  result: 'ok',
  keyId: '3f9a41c03f9a41c03f9a41c03f9a41c0',
  details: JSON.stringify({
    bytes: 48213,
    size: 48213,
    outcome: 'stored',
    checksum: 'CRC-32C e3069283',
    versionId: '3HL4kqtJlcpXroDTDmJ.rmSpXd3dIbrHY',
  }),
  previousHash: '',
  hash: 'mzIaN8PcXr0bqRrBvY4nOZkq6M1p7hQ2tW5eKd9sLf0',
};
const refused: AuditRow = {
  ...row,
  seq: 43,
  ...{ session: null, request: null, target: null, bucket: null, objectKey: null, keyId: null },
  action: 'session.refused',
  result: 'denied',
  details: JSON.stringify({ rule: 'login', reason: 'the password is wrong' }),
  hash: 'Qb8dK2vTz5pWn7RcYf1LmXs9HgJ4aEo6UiBtN3qMw0k',
};

describe('docs/WEBHOOKS.md', () => {
  it('has every type of event with its meaning', () => {
    const rows = [...text.matchAll(/^\| `(\w+\.\w+)` \| (.+) \|$/gm)].map(([, type, meaning]) => [
      type,
      meaning,
    ]);
    expect(Object.fromEntries(rows)).toEqual(webhookTypes);
  });

  it('has the messages as the program builds them', () => {
    const built = [row, refused].map((one) => JSON.parse(messageOf(one)?.body ?? '') as unknown);
    expect(blocks('json').map((block) => JSON.parse(block) as unknown)).toEqual(built);
  });

  it('names every setting', () => {
    for (const { name } of Object.values(webhookSettings)) expect(text).toContain(`\`${name}`);
  });
});

describe('the code that verifies a signature', () => {
  let directory: string;
  const key = randomBytes(32);
  const body = Buffer.from(messageOf({ ...row, target: '/uploads/é"\n' })?.body ?? '');
  const headersAt = (ms: number) => signedHeaders('evt_x', ms, body, [randomBytes(32), key]);
  /** Each with the expected result. */
  const cases = () => {
    const headers = headersAt(Date.now());
    const altered = Buffer.from(body);
    altered[altered.length - 3] = (altered.at(-3) ?? 0) ^ 1;
    return [
      { secret: secretText(key), headers, body, expected: true },
      { secret: secretText(randomBytes(32)), headers, body, expected: false },
      { secret: secretText(key), headers, body: altered, expected: false },
      { secret: secretText(key), headers: { ...headers, 'webhook-id': 'evt_y' }, body, expected: false },
      { secret: secretText(key), headers: headersAt(Date.now() - 600_000), body, expected: false },
    ];
  };

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'sftpgw-verify-'));
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  it('in Node.js accepts exactly what the gateway has signed', async () => {
    const path = join(directory, 'verify.mjs');
    writeFileSync(path, blocks('js')[0] ?? '');
    const { verify } = (await import(pathToFileURL(path).href)) as {
      readonly verify: (secret: string, headers: object, body: Uint8Array) => boolean;
    };
    for (const { secret, headers, body: sent, expected } of cases()) {
      expect(verify(secret, headers, sent)).toBe(expected);
    }
  });

  const python = findProgram('python3');
  it.skipIf(python === null)('in Python accepts exactly what the gateway has signed', async () => {
    const path = join(directory, 'verify.py');
    const main = [
      'import json, sys',
      'for one in json.load(sys.stdin):',
      '    print(verify(one["secret"], one["headers"], base64.b64decode(one["body"])))',
    ];
    writeFileSync(path, `${blocks('python')[0]}\n${main.join('\n')}\n`);
    const all = cases();
    const input = JSON.stringify(all.map((one) => ({ ...one, body: one.body.toString('base64') })));
    const { code, stdout, stderr } = await run(python ?? '', [path], { input });
    expect(`${code} ${stderr}`).toBe('0 ');
    expect(stdout.trim().split('\n')).toEqual(all.map(({ expected }) => (expected ? 'True' : 'False')));
  });
});
