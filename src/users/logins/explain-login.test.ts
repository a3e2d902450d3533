import { appendFile, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseUsername } from '../../model/users.js';
import { keyLine, offeredKey, TestUsers } from '../testing/test-users.js';
import { explainLogin } from './explain-login.js';

const bob = parseUsername('bob');
let world: TestUsers;
beforeEach(async () => {
  world = await TestUsers.open();
  await world.registry.save(bob, { publicKeys: [keyLine(offeredKey(1))] });
});
afterEach(() => world[Symbol.asyncDispose]());

const setProperty = (line: string) =>
  appendFile(world.file('bob', '.sftpgateway/user.properties'), `${line}\n`);

async function codes(username = 'bob', ...addresses: readonly string[]): Promise<readonly string[]> {
  const { directories } = world;
  const services = { directories, defaults: () => world.defaults };
  const login = { call: world.call, username: parseUsername(username), addresses, nowMs: world.nowMs };
  const found = await explainLogin(services, login);
  for (const { what } of found) expect(what).toMatch(/^[A-Z/].*\.$|^bob.*\.$|^login.*\.$/s);
  return found.map(({ code, severity }) => `${severity} ${code}`);
}

describe('the explanation of a login', () => {
  it('is empty for a user who can log in', async () => expect(await codes('bob', '192.0.2.1')).toEqual([]));

  it.each<[code: string, setUp: () => Promise<unknown>]>([
    ['blocks disabled', () => world.registry.save(bob, { disabled: true })],
    ['blocks expired', () => world.registry.save(bob, { expiresMs: world.nowMs - 1 })],
    ['blocks address-not-allowed', () => setProperty('login.from=198.51.100.0/24')],
    ['blocks settings-invalid', () => setProperty('login.metods=password')],
    ['blocks no-password', () => setProperty('login.methods=publickey,password')],
    ['blocks second-factor-missing', () => setProperty('login.totp=yes\nlogin.methods=keyboard-interactive')],
    ['blocks no-credential', () => writeFile(world.file('bob', '.ssh/authorized_keys'), '')],
    [
      'hinders key-expired',
      () =>
        writeFile(
          world.file('bob', '.ssh/authorized_keys'),
          `expiry-time="20200101" ${keyLine(offeredKey(1))}\n`,
        ),
    ],
    [
      'hinders key-from',
      () =>
        writeFile(
          world.file('bob', '.ssh/authorized_keys'),
          `from="198.51.100.1" ${keyLine(offeredKey(1))}\n`,
        ),
    ],
    ['hinders key-line-unusable', () => appendFile(world.file('bob', '.ssh/authorized_keys'), 'junk\n')],
    [
      'hinders key-revoked',
      async () => {
        const revokedKeysFile = world.file('bob', 'revoked');
        await writeFile(revokedKeysFile, `${keyLine(offeredKey(1))}\n`);
        world.defaults = { ...world.defaults, revokedKeysFile };
      },
    ],
    [
      'hinders key-files-unusable',
      async () => {
        world.defaults = { ...world.defaults, userCaFile: world.file('bob', 'missing') };
      },
    ],
  ])('has %s', async (code, setUp) => {
    await setUp();
    expect(await codes('bob', '192.0.2.1')).toContain(code);
  });

  it('has key-from for each address that the line does not allow, and not without an address', async () => {
    await writeFile(
      world.file('bob', '.ssh/authorized_keys'),
      `from="198.51.100.1" ${keyLine(offeredKey(1))}\nexpiry-time="20200101" ${keyLine(offeredKey(2))}\n`,
    );
    expect(await codes('bob', '192.0.2.1', '198.51.100.1', '192.0.2.2')).toEqual([
      'hinders key-from',
      'hinders key-from',
      'hinders key-expired',
    ]);
    expect(await codes('bob')).toEqual(['hinders key-expired']);
  });

  it('has no-password where only keyboard-interactive is left, and a second factor is not needed', async () => {
    await setProperty('login.methods=keyboard-interactive');
    expect(await codes()).toEqual(['blocks no-password']);
  });

  it('has unknown-user for a name without a user', async () =>
    expect(await codes('alice')).toEqual(['blocks unknown-user']));

  it('has no-public-key if a sequence needs one', async () => {
    await world.registry.save(parseUsername('bob'), { password: 'pw', loginMethods: 'publickey,password' });
    await writeFile(world.file('bob', '.ssh/authorized_keys'), '');
    expect(await codes()).toEqual(['blocks no-public-key']);
  });
});
