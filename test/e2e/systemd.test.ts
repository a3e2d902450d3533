import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../support/command.js';
import { Gateway, type TestUser } from '../support/gateway.js';
import { missing } from '../support/tools.js';
import { eventually } from '../support/wait.js';

const examples = resolve(import.meta.dirname, '../../examples/systemd');
const skip = missing('sftp', 'ssh-keygen', 'systemd-socket-activate');

describe.skipIf(skip !== null)(`a socket of systemd${skip === null ? '' : ` (${skip})`}`, () => {
  let gateway: Gateway;
  let user: TestUser;

  beforeAll(async () => {
    gateway = await Gateway.start({ s3: null });
    user = await gateway.addUser('clara');
    await gateway.end('SIGTERM');
  });
  afterAll(async () => {
    await gateway?.[Symbol.asyncDispose]();
  });

  it('is served by a gateway that its first client starts', async () => {
    const { sftpPort, environment } = gateway;
    const variables = Object.keys(environment).filter((name) => /^(?:SFTPGW|NODE)_/.test(name));
    const child = gateway.spawnServe({
      through: [
        ...['systemd-socket-activate', '-l', `127.0.0.1:${sftpPort}`],
        ...variables.flatMap((name) => ['-E', name]),
      ],
    });
    await eventually('systemd listens', () => /Listening on/.test(gateway.output));
    expect(await user.sftpOk('ls /')).toMatch(/uploads/);
    expect(gateway.output).toMatch(new RegExp(`ready: SFTP on 127.0.0.1:${sftpPort}`));
    expect(child.exitCode).toBeNull();
    expect(await gateway.end('SIGTERM')).toBe(0);
  });
});

describe('the units of the examples', () => {
  it.skipIf(missing('systemd-analyze') !== null)('have no errors and no unknown settings', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'sftpgw-units-'));
    try {
      for (const name of readdirSync(examples)) {
        const text = readFileSync(join(examples, name), 'utf8').replace('/usr/local/bin/sftpgw', '/bin/true');
        writeFileSync(join(directory, name), text);
      }
      const units = readdirSync(directory).map((name) => join(directory, name));
      const { code, stdout, stderr } = await run('systemd-analyze', ['verify', '--man=no', ...units]);
      expect([code, stdout, stderr]).toEqual([0, '', '']);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
