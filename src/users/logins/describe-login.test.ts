import { rm, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseUsername } from '../../model/users.js';
import { keyLine, offeredKey, TestUsers } from '../testing/test-users.js';
import { UserFiles } from '../user-files.js';
import { parseUserProperties } from '../user-properties.js';
import { describeLogin, methodChecks } from './describe-login.js';

const bob = parseUsername('bob');
const secret = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';

let world: TestUsers;
let files: UserFiles;
beforeEach(async () => {
  world = await TestUsers.open();
  await world.registry.save(bob, {});
  files = new UserFiles(world.directories);
});
afterEach(() => world[Symbol.asyncDispose]());

type Credential = 'key' | 'password' | 'code' | 'authority' | 'no code' | 'wrong code';

/** Gives the user these credentials, and returns the checks of the methods. */
async function checked(methods: string, ...credentials: readonly Credential[]) {
  const paths = files.paths(bob);
  if (credentials.includes('key')) await writeFile(paths.authorizedKeys, keyLine(offeredKey(1)));
  if (credentials.includes('password')) await writeFile(paths.password, '$scrypt$');
  if (credentials.includes('code')) await writeFile(paths.totpSecret, secret);
  if (credentials.includes('wrong code')) await writeFile(paths.totpSecret, 'not base32!');
  const hasTotp = credentials.some((one) => /code$/.test(one));
  const text = `login.methods=${methods}\n${hasTotp ? 'login.totp=yes\n' : ''}`;
  const { properties } = parseUserProperties(Buffer.from(text));
  const userCaFile = credentials.includes('authority') ? '/ca' : null;
  return await methodChecks(files, bob, properties, { bucket: null, userCaFile });
}

describe('the methods that a user can fulfil', () => {
  it.each<[methods: string, credentials: readonly Credential[]]>([
    ['publickey', ['key']],
    ['publickey', ['authority']],
    ['password', ['password']],
    ['password', ['password', 'code']],
    ['keyboard-interactive', ['password']],
    ['keyboard-interactive', ['password', 'code']],
    ['publickey,keyboard-interactive', ['key', 'code']],
    ['publickey,keyboard-interactive', ['key', 'password']],
    ['publickey password', ['password']],
    ['publickey,password keyboard-interactive', ['password']],
  ])('allow a login by %j with %j', async (methods, credentials) => {
    expect(await checked(methods, ...credentials)).toEqual({ canLogIn: true, missing: [], problems: [] });
  });

  it.each<[methods: string, credentials: readonly Credential[], missing: readonly string[]]>([
    ['publickey', ['password'], ['publickey']],
    ['password', ['key'], ['password']],
    ['password', ['code'], ['password']],
    ['keyboard-interactive', ['key'], ['keyboard-interactive']],
    // The first method asks for the password too, so a code alone is not enough.
    ['keyboard-interactive', ['code'], ['keyboard-interactive']],
    ['publickey,keyboard-interactive', ['key'], ['keyboard-interactive']],
    ['publickey,keyboard-interactive', ['code'], ['publickey']],
    ['publickey password', [], ['publickey', 'password']],
    ['publickey,password publickey,keyboard-interactive', ['password'], ['publickey']],
  ])('do not allow a login by %j with %j: %j are missing', async (methods, credentials, missing) => {
    expect(await checked(methods, ...credentials)).toEqual({ canLogIn: false, missing, problems: [] });
  });

  it.each<[Credential, RegExp]>([
    ['no code', /totp\.secret is missing, but login\.totp=yes needs it$/],
    ['wrong code', /totp\.secret: .*base32/],
  ])('have none with %s, and the problem names the file', async (credential, problem) => {
    const found = await checked('password keyboard-interactive', 'password', credential);
    expect(found).toEqual({
      canLogIn: false,
      missing: ['password', 'keyboard-interactive'],
      problems: [expect.stringMatching(problem)],
    });
  });

  it('have the lines that cannot be used as problems, and a secret that is not needed as none', async () => {
    await writeFile(files.paths(bob).totpSecret, 'not base32!');
    await writeFile(files.paths(bob).authorizedKeys, `junk\n${keyLine(offeredKey(1))}`);
    const found = await checked('publickey');
    expect(found).toMatchObject({
      canLogIn: true,
      problems: [expect.stringMatching(/authorized_keys line 1: /)],
    });
  });
});

it('the summary has what the user has', async () => {
  const { authorizedKeys, password } = files.paths(bob);
  const lines = [`${keyLine(offeredKey(1))} bob`, keyLine(offeredKey(2), 'cert-authority')];
  await writeFile(authorizedKeys, lines.join('\n'));
  const described = async (text: string) => {
    const { properties } = parseUserProperties(Buffer.from(text));
    return (await describeLogin(files, bob, properties, { bucket: null })).summary;
  };
  const keys = [
    { type: 'ssh-ed25519', fingerprint: offeredKey(1).fingerprint, comment: 'bob', isAuthority: false },
    { type: 'ssh-ed25519', fingerprint: offeredKey(2).fingerprint, comment: '', isAuthority: true },
  ];
  const common = { publicKeyCount: 1, publicKeys: keys };
  expect(await described('')).toEqual({
    ...common,
    hasPassword: false,
    loginMethods: 'publickey password',
    loginFrom: null,
    disabled: false,
    expiresMs: null,
    hasTotp: false,
    canLogIn: true,
  });
  await writeFile(password, '$scrypt$');
  await rm(authorizedKeys);
  const text =
    'login.from=192.0.2.0/24\nlogin.disabled=yes\nlogin.expires=2027-01-31\nlogin.totp=yes\nlogin.methods=password\n';
  expect(await described(text)).toEqual({
    publicKeyCount: 0,
    publicKeys: [],
    hasPassword: true,
    loginMethods: 'password',
    loginFrom: '192.0.2.0/24',
    disabled: true,
    expiresMs: Date.UTC(2027, 0, 31),
    hasTotp: true,
    canLogIn: false,
  });
});
