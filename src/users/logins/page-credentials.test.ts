import { appendFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseUsername } from '../../model/users.js';
import { TestUsers } from '../testing/test-users.js';

const bob = parseUsername('bob');
let world: TestUsers;
beforeEach(async () => {
  world = await TestUsers.open();
  await world.registry.save(bob, { password: 'pw' });
});
afterEach(() => world[Symbol.asyncDispose]());

const credentials = (username = 'bob', address = '192.0.2.1') =>
  world.users.logins.pageCredentials(world.call, username, address);
const setProperty = (line: string) =>
  appendFile(world.file('bob', '.sftpgateway/user.properties'), `${line}\n`);

describe('the digest of the credentials for the files page', () => {
  it('stays the same until a credential of the user changes', async () => {
    const first = await credentials();
    expect(first).toMatch(/^[0-9a-f]{64}$/);
    await world.registry.save(parseUsername('eve'), { password: 'other' });
    await setProperty('downloads=yes');
    expect(await credentials()).toBe(first);
    const digests = [first];
    for (const change of [
      () => world.registry.save(bob, { password: 'new' }),
      () => world.registry.createTotp(bob, 'host'),
      () => world.registry.createTotp(bob, 'host'),
      () => world.registry.removeTotp(bob),
      () => world.registry.save(bob, { loginMethods: 'keyboard-interactive' }),
    ]) {
      await change();
      digests.push(await credentials());
    }
    // Without TOTP the credentials are those from before it again.
    expect(digests[4]).toBe(digests[1]);
    expect(new Set(digests).size).toBe(5);
    expect(digests).not.toContain(null);
    expect(digests).not.toContain(await credentials('eve'));
  });

  it.each(['nobody', '../bob', ''])('is null for a name without a user: %j', async (name) => {
    expect(await credentials(name)).toBeNull();
  });

  it.each(['login.web=no', 'login.disabled=yes', 'login.expires=2020-01-01', 'login.from=198.51.100.0/24'])(
    'is null for a user with %s',
    async (line) => {
      await setProperty(line);
      expect(await credentials()).toBeNull();
      if (line.startsWith('login.from')) expect(await credentials('bob', '198.51.100.7')).not.toBeNull();
    },
  );
});
