import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Passkey } from '../model/api/people.js';
import {
  checkAuthentication,
  checkRegistration,
  creationOptions,
  credentialIdOf,
  newChallenge,
  relyingPartyOf,
  requestOptions,
} from './passkey-checks.js';
import { SoftwareAuthenticator } from './testing/software-authenticator.js';

const party = { id: 'sftpgw.example.com', origin: 'https://sftpgw.example.com' };
const challenge = newChallenge({ bytes: (length) => randomBytes(length), id: () => '' });
const deviations = [
  ['another site', { origin: 'https://sftpgw.example.org' }],
  ['another relying party', { rpId: 'example.org' }],
  ['another challenge', { challenge: 'AAAA' }],
] as const;
let authenticator: SoftwareAuthenticator;
beforeEach(() => {
  authenticator = new SoftwareAuthenticator(party.origin);
});

async function registered(): Promise<Passkey> {
  const response = authenticator.create({ challenge });
  const passkey = await checkRegistration(party, challenge, 'laptop', response);
  return { ...passkey, id: 'key', adminId: 'alice', createdMs: 0, lastUsedMs: null };
}

describe('the site of passkeys', () => {
  it.each([
    ['https://sftpgw.example.com', 'sftpgw.example.com'],
    ['https://sftpgw.example.com:8443', 'sftpgw.example.com'],
    ['http://localhost:8080', 'localhost'],
    ['https://localhost', 'localhost'],
  ])('%s is %s', (origin, id) => expect(relyingPartyOf(origin)).toEqual({ id, origin }));

  it.each(['http://sftpgw.example.com', 'https://192.0.2.1', 'https://[2001:db8::1]', 'http://127.0.0.1'])(
    '%s has none',
    (origin) => expect(relyingPartyOf(origin)).toBeNull(),
  );
});

describe('a registration', () => {
  it('returns the passkey, also if the device has not verified the person', async () => {
    for (const userVerified of [true, false]) {
      const response = authenticator.create({ challenge }, { userVerified });
      expect(await checkRegistration(party, challenge, 'laptop', response)).toMatchObject({
        label: 'laptop',
        credentialId: authenticator.id.toString('base64url'),
        transports: ['internal'],
      });
    }
  });

  it('keeps ten transports, and only those that have the form of one', async () => {
    const { response, ...rest } = authenticator.create({ challenge });
    const transports = ['usb', 'x'.repeat(21), 'A', 'a b', '', ...'abcdefghijklm'];
    const changed = { ...rest, response: { ...response, transports } };
    const found = await checkRegistration(party, challenge, 'laptop', changed);
    expect(found.transports).toEqual(['usb', ...'abcdefghi']);
  });

  it.each(deviations)('is refused for %s', async (_what, wrong) => {
    const response = authenticator.create({ challenge }, wrong);
    await expect(checkRegistration(party, challenge, 'laptop', response)).rejects.toMatchObject({
      kind: 'invalid',
    });
  });

  it.each([null, {}, 'text', { id: 'AAAA' }])('is refused for %j', async (response) => {
    await expect(checkRegistration(party, challenge, 'laptop', response)).rejects.toMatchObject({
      kind: 'invalid',
    });
  });
});

describe('an authentication', () => {
  it('returns the new counter', async () => {
    const passkey = await registered();
    const check = (response: unknown, mustVerify: boolean) =>
      checkAuthentication(party, challenge, passkey, response, mustVerify);
    expect(await check(authenticator.get({ challenge }), true)).toBe(1);
    expect(await check(authenticator.get({ challenge }, { userVerified: false }), false)).toBe(2);
    expect(await check(authenticator.get({ challenge }, { userVerified: false }), true)).toBeNull();
  });

  it.each(deviations)('is refused for %s', async (_what, wrong) => {
    const passkey = await registered();
    const response = authenticator.get({ challenge }, wrong);
    expect(await checkAuthentication(party, challenge, passkey, response, false)).toBeNull();
  });

  it('is refused with another key and with an old counter', async () => {
    const passkey = await registered();
    const other = new SoftwareAuthenticator(party.origin);
    const theirs = { ...other.get({ challenge }), id: passkey.credentialId, rawId: passkey.credentialId };
    expect(await checkAuthentication(party, challenge, passkey, theirs, false)).toBeNull();
    const used = { ...passkey, counter: 5 };
    for (const [counter, expected] of [
      [4, null],
      [5, null],
      [6, 6],
    ] as const) {
      const response = authenticator.get({ challenge }, { counter });
      expect(await checkAuthentication(party, challenge, used, response, false)).toBe(expected);
    }
  });
});

describe('the options for a browser', () => {
  it('are those of the site, the person and the challenge, without the passkeys that exist', async () => {
    const passkey = await registered();
    const options = await creationOptions(party, { id: 'p1', name: 'alice' }, challenge, [passkey]);
    expect(options).toMatchObject({
      challenge,
      rp: { id: party.id },
      user: { name: 'alice', id: Buffer.from('p1').toString('base64url') },
      timeout: 300_000,
      excludeCredentials: [{ id: passkey.credentialId, transports: ['internal'] }],
      authenticatorSelection: { residentKey: 'preferred', userVerification: 'preferred' },
    });
  });

  it('ask the device to verify the person if the passkey is the only factor', async () => {
    const passkey = await registered();
    const alone = await requestOptions(party, challenge, null);
    expect(alone).toMatchObject({
      challenge,
      rpId: party.id,
      timeout: 300_000,
      userVerification: 'required',
    });
    expect(alone.allowCredentials ?? []).toEqual([]);
    expect(await requestOptions(party, challenge, [passkey])).toMatchObject({
      userVerification: 'preferred',
      allowCredentials: [{ id: passkey.credentialId, transports: ['internal'] }],
    });
  });

  it('have a challenge of 32 bytes', () => expect(Buffer.from(challenge, 'base64url')).toHaveLength(32));
});

it.each([
  [{ id: 'a' }, 'a'],
  [{ id: 'a'.repeat(2048) }, 'a'.repeat(2048)],
  [{ id: 'a'.repeat(2049) }, null],
  [{ id: 7 }, null],
  [{}, null],
  [null, null],
  [undefined, null],
])('the credential of %j', (response, id) => expect(credentialIdOf(response)).toBe(id));
