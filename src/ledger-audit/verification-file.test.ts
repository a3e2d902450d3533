import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type StoredVerification, VerificationFile } from './verification-file.js';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sftpgw-verification-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const counts = {
  versions: 7,
  bytes: 70,
  opened: 3,
  foreignWithoutKey: 0,
  foreignNotOpened: 0,
  olderVersionsGone: 0,
  pending: 0,
  findings: 1,
};
const kept: StoredVerification = {
  buckets: ['b'],
  sample: 10,
  reads: false,
  state: { bucket: 'b', afterKey: 'é\u{1f511}', sampler: { wanted: 3, left: 8 }, counts },
  findings: [
    {
      kind: 'missing',
      ref: { bucket: 'b', key: 'k' },
      versionId: null,
      keyId: null,
      text: 'not in the bucket',
    },
  ],
};

describe('an interrupted verification', () => {
  it('is kept until it is done, readable only by its owner', async () => {
    const file = new VerificationFile(directory);
    expect(await file.load()).toBeNull();
    await file.save(kept);
    expect(await new VerificationFile(directory).load()).toMatchObject(kept);
    expect(statSync(join(directory, 'ledger-verify.json')).mode & 0o777).toBe(0o600);
    await file.remove();
    await file.remove();
    expect(await file.load()).toBeNull();
  });

  it.each(['no JSON', '{}', '{"format":2}', '[]'])('cannot be loaded from %s', async (text) => {
    writeFileSync(join(directory, 'ledger-verify.json'), text);
    await expect(new VerificationFile(directory).load()).rejects.toMatchObject({ kind: 'corrupt' });
  });
});
