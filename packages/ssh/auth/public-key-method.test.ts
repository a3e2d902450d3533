import { describe, expect, it } from 'vitest';
import { fingerprintOf } from '../keys/public-key.js';
import { serverSignatureAlgorithms, signatureAlgorithms } from '../keys/signature-algorithms.js';
import { makeCertificate, makeUserKey, type TestCertificateFields } from '../testing/user-keys.js';
import { encodeString } from '../wire/writer.js';
import type { KeyGrant } from './authenticator.js';
import { type KeyRequest, TestClient } from './testing/test-client.js';
import { TestUsers } from './testing/test-users.js';

const ca = makeUserKey('ssh-ed25519');
const ed25519 = makeUserKey('ssh-ed25519');
const fido = makeUserKey('sk-ssh-ed25519@openssh.com');
const certificateType = 'ssh-ed25519-cert-v01@openssh.com';
const fidoCertificateType = 'sk-ssh-ed25519-cert-v01@openssh.com';

function clientWith(request: Pick<KeyRequest, 'key'>, grant: KeyGrant = {}, caGrant: KeyGrant = grant) {
  const application = new TestUsers({
    alice: { keys: [{ key: request.key, grant }], authorities: [{ key: ca, grant: caGrant }] },
  });
  return { application, client: new TestClient(application) };
}

describe('a key that the user has', () => {
  it.each(serverSignatureAlgorithms)('is acceptable and logs in with %s', async (algorithm) => {
    const key = makeUserKey(signatureAlgorithms.get(algorithm)?.keyType ?? 'ssh-rsa');
    const { client } = clientWith({ key });
    expect(await client.query({ key, algorithm })).toEqual({
      kind: 'keyAcceptable',
      algorithm,
      blob: key.blob,
    });
    expect(await client.sign({ key, algorithm })).toEqual({ kind: 'success' });
    expect(client.logins).toMatchObject([
      { keys: [{ type: key.type, fingerprint: fingerprintOf(key.blob) }] },
    ]);
  });

  it('is refused with a signature of another session, another key or with damage', async () => {
    const { client } = clientWith({ key: ed25519 });
    expect((await client.sign({ key: ed25519, sessionId: Buffer.alloc(32) })).kind).toBe('failure');
    const other = makeUserKey('ssh-ed25519');
    expect((await client.sign({ key: { ...other, blob: ed25519.blob } })).kind).toBe('failure');
    expect((await client.sign({ key: ed25519, signature: Buffer.alloc(0) })).kind).toBe('failure');
    expect(client.refusals.map(({ reason }) => reason)).toEqual([
      'the signature is wrong',
      'the signature is wrong',
      'malformed signature: message ends early: expected 4 bytes more, found 0',
    ]);
    expect(client.refusals.every(({ fingerprint }) => fingerprint === fingerprintOf(ed25519.blob))).toBe(
      true,
    );
  });

  it('is refused under the name of another type', async () => {
    const { client } = clientWith({ key: ed25519 });
    const answer = await client.query({ key: ed25519, algorithm: 'ecdsa-sha2-nistp256' });
    expect(answer.kind).toBe('failure');
    expect(client.refusals[0]?.reason).toBe('the key is not of the type that the request names');
  });

  it('is refused for another user', async () => {
    const { client } = clientWith({ key: ed25519 });
    client.username = 'mallory';
    expect((await client.query({ key: ed25519 })).kind).toBe('failure');
    expect((await client.sign({ key: ed25519 })).kind).toBe('failure');
  });
});

describe('a key that this server never accepts', () => {
  it('with a SHA-1 signature gets one sentence of advice, and the log the cause', async () => {
    const key = makeUserKey('ssh-rsa');
    const { client } = clientWith({ key });
    expect(await client.query({ key, algorithm: 'ssh-rsa' })).toEqual({
      kind: 'banner',
      text: 'This server refuses RSA signatures with SHA-1 (ssh-rsa). Update the client, or use an Ed25519 key.\r\n',
    });
    expect((await client.answer()).kind).toBe('failure');
    expect((await client.sign({ key, algorithm: 'ssh-rsa' })).kind).toBe('failure');
    expect(client.refusals.map(({ reason }) => reason)).toEqual(Array(2).fill('RSA signature with SHA-1'));
    expect((await client.sign({ key, algorithm: 'rsa-sha2-256' })).kind).toBe('success');
  });

  it('with fewer than 2048 bits gets one sentence of advice', async () => {
    const key = makeUserKey('ssh-rsa', 1024);
    const { client, application } = clientWith({ key });
    expect(await client.sign({ key })).toMatchObject({
      kind: 'banner',
      text: expect.stringContaining('RSA keys below 2048 bits'),
    });
    expect((await client.answer()).kind).toBe('failure');
    expect(client.refusals[0]?.reason).toBe('RSA key of 1024 bits: expected at least 2048');
    expect(application.calls).not.toContain('publicKey plain');
  });

  it('of type DSA gets one sentence of advice', async () => {
    const { client } = clientWith({ key: ed25519 });
    expect(await client.query({ key: ed25519, algorithm: 'ssh-dss' })).toMatchObject({ kind: 'banner' });
  });
});

describe('a FIDO key', () => {
  it.each([
    ['touch', {}, 0x01, 'success', null],
    ['nothing', {}, 0x00, 'failure', 'the signature was made without a touch'],
    ['a PIN but no touch', {}, 0x04, 'failure', 'the signature was made without a touch'],
    ['nothing, with no-touch-required', { touchOptional: true }, 0x00, 'success', null],
    [
      'a touch, with verify-required',
      { verificationRequired: true },
      0x01,
      'failure',
      'the signature was made without a PIN or a biometric check',
    ],
    ['touch and a PIN, with verify-required', { verificationRequired: true }, 0x05, 'success', null],
  ] as const)('with %s is accepted or refused', async (_name, grant, fidoFlags, kind, reason) => {
    for (const key of [fido, makeUserKey('sk-ecdsa-sha2-nistp256@openssh.com')]) {
      const { client } = clientWith({ key }, grant);
      expect((await client.query({ key })).kind).toBe('keyAcceptable');
      expect((await client.sign({ key, fidoFlags })).kind).toBe(kind);
      expect(client.refusals[0]?.reason ?? null).toBe(reason);
    }
  });

  it('in a certificate needs no touch only if the CA and the certificate allow it', async () => {
    for (const [caAllows, certificateAllows, kind] of [
      [true, true, 'success'],
      [true, false, 'failure'],
      [false, true, 'failure'],
    ] as const) {
      const blob = makeCertificate(fido, ca, {
        extensions: certificateAllows ? [['no-touch-required', Buffer.alloc(0)]] : [],
      });
      const { client } = clientWith({ key: fido }, {}, { touchOptional: caAllows });
      expect(
        (await client.sign({ key: fido, blob, algorithm: fidoCertificateType, fidoFlags: 0 })).kind,
      ).toBe(kind);
    }
  });

  it('in a certificate with verify-required needs a PIN', async () => {
    const blob = makeCertificate(fido, ca, { criticalOptions: [['verify-required', Buffer.alloc(0)]] });
    const request = { key: fido, blob, algorithm: fidoCertificateType };
    const { client } = clientWith({ key: fido });
    expect((await client.sign({ ...request, fidoFlags: 1 })).kind).toBe('failure');
    expect((await client.sign({ ...request, fidoFlags: 5 })).kind).toBe('success');
  });

  it('is required when a plain key has verify-required', async () => {
    const { client } = clientWith({ key: ed25519 }, { verificationRequired: true });
    expect((await client.sign({ key: ed25519 })).kind).toBe('failure');
  });
});

describe('a certificate', () => {
  it.each(serverSignatureAlgorithms)('for a key of %s logs in', async (name) => {
    const algorithm = [...signatureAlgorithms].find(
      ([, entry]) => entry.isCertificate && entry.signatureName === name,
    )?.[0];
    const key = makeUserKey(signatureAlgorithms.get(name)?.keyType ?? 'ssh-rsa');
    const blob = makeCertificate(key, ca, { keyId: 'laptop', serial: 42n, validBefore: 4_102_444_800n });
    const { client } = clientWith({ key: makeUserKey('ssh-ed25519') });
    const request = { key, blob, algorithm: algorithm ?? '' };
    expect(await client.query(request)).toMatchObject({ kind: 'keyAcceptable', blob });
    expect(await client.sign(request)).toEqual({ kind: 'success' });
    expect(client.logins[0]?.keys).toEqual([
      {
        type: key.type,
        fingerprint: fingerprintOf(key.blob),
        certificate: {
          keyId: 'laptop',
          serial: 42n,
          caFingerprint: fingerprintOf(ca.blob),
          validBeforeMs: Date.UTC(2100, 0, 1),
        },
      },
    ]);
  });

  const cases: [string, TestCertificateFields, KeyGrant, string | null][] = [
    ['for the user', {}, {}, null],
    ['for other users', { principals: ['bob'] }, {}, 'the certificate does not have an accepted principal'],
    ['for a principal of the CA', { principals: ['admins'] }, { principals: ['ops', 'admins'] }, null],
    [
      'for the user, whom the CA does not list',
      {},
      { principals: ['ops'] },
      'the certificate does not have an accepted principal',
    ],
    [
      'for a CA without principals',
      {},
      { principals: [] },
      'the certificate does not have an accepted principal',
    ],
    ['that has expired', { validBefore: 1_700_000_000n }, {}, 'the certificate has expired'],
    [
      'from another address',
      { criticalOptions: [['source-address', encodeString('198.51.100.0/24')]] },
      {},
      'the certificate is not valid from this address',
    ],
  ];
  it.each(cases)('%s is accepted or refused, for a query too', async (_name, fields, grant, reason) => {
    const blob = makeCertificate(ed25519, ca, fields);
    const request = { key: ed25519, blob, algorithm: certificateType };
    const { client } = clientWith({ key: makeUserKey('ssh-ed25519') }, {}, grant);
    expect((await client.query(request)).kind).toBe(reason === null ? 'keyAcceptable' : 'failure');
    expect((await client.sign(request)).kind).toBe(reason === null ? 'success' : 'failure');
    expect(client.refusals.map((refusal) => refusal.reason)).toEqual(reason === null ? [] : [reason, reason]);
  });

  it('of an unknown CA, with a wrong signature or a plain algorithm is refused', async () => {
    const { client } = clientWith({ key: makeUserKey('ssh-ed25519') });
    const unknown = makeCertificate(ed25519, makeUserKey('ssh-ed25519'));
    expect((await client.sign({ key: ed25519, blob: unknown, algorithm: certificateType })).kind).toBe(
      'failure',
    );
    const forged = makeCertificate(ed25519, { ...makeUserKey('ssh-ed25519'), blob: ca.blob });
    expect((await client.sign({ key: ed25519, blob: forged, algorithm: certificateType })).kind).toBe(
      'failure',
    );
    const sound = makeCertificate(ed25519, ca);
    expect((await client.sign({ key: ed25519, blob: sound, algorithm: 'ssh-ed25519' })).kind).toBe('failure');
    expect(client.refusals.map(({ reason }) => reason)).toEqual([
      'the key is not authorised',
      'certificate with a wrong CA signature',
      'keys of type "ssh-ed25519-cert-v01@openssh.com" are not accepted',
    ]);
  });

  it('does not make its CA a key of the user, nor a key of the user a CA', async () => {
    const { client } = clientWith({ key: ed25519 });
    expect((await client.sign({ key: ca })).kind).toBe('failure');
    const own = makeCertificate(makeUserKey('ssh-ed25519'), ed25519);
    expect((await client.query({ key: ed25519, blob: own, algorithm: certificateType })).kind).toBe(
      'failure',
    );
  });
});
