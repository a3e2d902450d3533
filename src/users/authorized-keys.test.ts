import { createECDH, generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { parseAuthorizedKeys } from './authorized-keys.js';

const field = (content: Uint8Array | string): Buffer => {
  const bytes = Buffer.from(content);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
};
const keyLine = (type: string, ...fields: readonly (Uint8Array | string)[]): string =>
  `${type} ${Buffer.concat([type, ...fields].map(field)).toString('base64')}`;

const rsa = (bits: number): string => {
  const { n = '', e = '' } = generateKeyPairSync('rsa', { modulusLength: bits }).publicKey.export({
    format: 'jwk',
  });
  const mpint = (text: string): Buffer => Buffer.concat([Buffer.from([0]), Buffer.from(text, 'base64url')]);
  return keyLine('ssh-rsa', Buffer.from(e, 'base64url'), mpint(n));
};

const ed25519 = keyLine('ssh-ed25519', Buffer.alloc(32, 7));
const p256Point = (seed: number): Buffer => {
  const ecdh = createECDH('prime256v1');
  ecdh.setPrivateKey(Buffer.alloc(32, seed));
  return ecdh.getPublicKey();
};
const ecdsa = keyLine('ecdsa-sha2-nistp256', 'nistp256', p256Point(1));
const skEd25519 = keyLine('sk-ssh-ed25519@openssh.com', Buffer.alloc(32, 8), 'ssh:');
const skEcdsa = keyLine('sk-ecdsa-sha2-nistp256@openssh.com', 'nistp256', p256Point(2), 'ssh:');

const problemOf = (text: string): string => {
  const { keys, problems } = parseAuthorizedKeys(text);
  expect(keys).toEqual([]);
  return problems.map((problem) => problem.text).join();
};

describe('usable lines', () => {
  it('are found among comments, blank lines and CRLF, with every accepted type', () => {
    const lines = ['# keys', '', `${ed25519} bob@laptop  two words`, ecdsa, skEd25519, skEcdsa, rsa(2048)];
    const { keys, problems } = parseAuthorizedKeys(lines.join('\r\n'));
    expect(problems).toEqual([]);
    expect(keys.map((key) => [key.line, key.type])).toEqual([
      [3, 'ssh-ed25519'],
      [4, 'ecdsa-sha2-nistp256'],
      [5, 'sk-ssh-ed25519@openssh.com'],
      [6, 'sk-ecdsa-sha2-nistp256@openssh.com'],
      [7, 'ssh-rsa'],
    ]);
    expect(keys[0]?.comment).toBe('bob@laptop two words');
    expect(Buffer.from(keys[0]?.blob ?? []).toString('base64')).toBe(ed25519.split(' ')[1]);
  });

  it('may have options that SFTP does not use', () => {
    const options =
      'no-pty,No-Port-Forwarding,restrict,environment="A=b, \\"c\\" d",permitopen="host:1",command="internal-sftp"';
    const { keys, problems } = parseAuthorizedKeys(`${options} ${ed25519} x`);
    expect(problems).toEqual([]);
    expect(keys).toHaveLength(1);
  });

  it('return from= and expiry-time= with the key', () => {
    const [key] = parseAuthorizedKeys(
      `from="192.0.2.0/24,!192.0.2.1",expiry-time="20300102Z" ${ed25519}`,
    ).keys;
    expect(key?.from?.match('192.0.2.9')).toBe(true);
    expect(key?.from?.match('192.0.2.1')).toBe(false);
    expect(key?.expiresMs).toBe(Date.UTC(2030, 0, 2));
  });

  it.each([
    ['20300102', new Date(2030, 0, 2).getTime()],
    ['203001021530', new Date(2030, 0, 2, 15, 30).getTime()],
    ['20300102153045Z', Date.UTC(2030, 0, 2, 15, 30, 45)],
  ])('have the expiry time of "%s"', (text, expected) => {
    expect(parseAuthorizedKeys(`expiry-time="${text}" ${ed25519}`).keys[0]?.expiresMs).toBe(expected);
  });
});

describe('an expiry time', () => {
  const before = process.env['TZ'];
  afterEach(() => {
    if (before === undefined) delete process.env['TZ'];
    else process.env['TZ'] = before;
  });

  it.each([
    ['203001021530', Date.UTC(2030, 0, 2, 6, 30)],
    ['203001021530Z', Date.UTC(2030, 0, 2, 15, 30)],
    ['203001021530z', Date.UTC(2030, 0, 2, 15, 30)],
    ['20300102', Date.UTC(2030, 0, 1, 15)],
    ['20300102Z', Date.UTC(2030, 0, 2)],
  ])('is in the time zone of the system, or in UTC with Z: %s', (text, expected) => {
    process.env['TZ'] = 'Asia/Tokyo';
    expect(parseAuthorizedKeys(`expiry-time="${text}" ${ed25519}`).keys[0]?.expiresMs).toBe(expected);
  });

  it.each(['20300231', '20301301', '203001022500', '203001022500Z', '20300102x', '2030010215', 'x20300102'])(
    'that does not exist makes the key unusable: %s',
    (text) => {
      process.env['TZ'] = 'Asia/Tokyo';
      expect(problemOf(`expiry-time="${text}" ${ed25519}`)).toMatch(/expiry-time/);
    },
  );
});

describe('options', () => {
  it('of authorities and security keys are returned with the key', () => {
    const lines = [
      `cert-authority,principals="ops, deploy",verify-required ${ed25519} ca`,
      `No-Touch-Required ${skEd25519}`,
      `verify-required ${skEcdsa}`,
      `principals="x" ${ed25519}`,
      ed25519,
    ];
    const { keys, problems } = parseAuthorizedKeys(lines.join('\n'));
    expect(problems).toEqual([]);
    const terms = keys.map(({ isAuthority, principals, touchOptional, verificationRequired }) => [
      isAuthority,
      principals,
      touchOptional,
      verificationRequired,
    ]);
    expect(terms).toEqual([
      [true, ['ops', 'deploy'], false, true],
      [false, null, true, false],
      [false, null, false, true],
      [false, ['x'], false, false],
      [false, null, false, false],
    ]);
  });

  it('never throw, whatever a line has, and never open more than they state', () => {
    const pieces = fc.constantFrom(
      ...['cert-authority', 'verify-required', 'principals="a"', 'from="10.0.0.0/8"', 'no-pty', 'nonsense'],
      ...[',', ' ', '"', '\\', '=', '#', '\t', '\0', 'ssh-rsa', ed25519, skEcdsa, ecdsa.slice(0, -4)],
    );
    const text = fc.array(fc.oneof(pieces, fc.string()), { maxLength: 12 }).map((all) => all.join(''));
    fc.assert(
      fc.property(text, (line) => {
        const { keys, byFingerprint } = parseAuthorizedKeys(line);
        expect([...byFingerprint.values()].flat()).toHaveLength(keys.length);
        for (const key of keys) {
          const at =
            line
              .split(/\r\n|\r|\n/)
              [key.line - 1]?.replace(/^\ufeff/, '')
              .trim() ?? '';
          const options = at.slice(0, at.indexOf(`${key.type} `));
          expect(key.isAuthority).toBe(/(?:^|,)cert-authority(?=,|\s|$)/i.test(options));
          expect(key.from !== null).toBe(options.includes('from="10.0.0.0/8"'));
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('skipped lines', () => {
  it.each([
    [`command="/bin/ls" ${ed25519}`, /forced command/],
    [`command="internal-sftp -R" ${ed25519}`, /forced command/],
    [`verify-required ${ed25519}`, /verify-required needs a security key/],
    [`principals="a",principals="b" ${ed25519}`, /twice/],
    [`principals="a,,b" ${ed25519}`, /empty name/],
    [`principals ${ed25519}`, /"principals" needs a value in quotes/],
    [`from="192.0.2.1/24" ${ed25519}`, /malformed network/],
    [`from="*",from="*" ${ed25519}`, /twice/],
    [`expiry-time="20300231" ${ed25519}`, /expiry-time/],
    [`expiry-time="soon" ${ed25519}`, /expiry-time/],
    [`no-such-option ${ed25519}`, /"no-such-option" is unknown/],
    [`cert-authority= ${ed25519}`, /"cert-authority" takes no value/],
    [`cert-authority="" ${ed25519}`, /"cert-authority" takes no value/],
    [`verify-required="no" ${skEcdsa}`, /"verify-required" takes no value/],
    [`no-touch-required=no ${skEcdsa}`, /"no-touch-required" takes no value/],
    [`restrict=1 ${ed25519}`, /"restrict" takes no value/],
    [`tunnel=1 ${ed25519}`, /"tunnel" needs a value in quotes/],
    [`from=* ${ed25519}`, /"from" needs a value in quotes/],
    [`expiry-time=20300101 ${ed25519}`, /"expiry-time" needs a value in quotes/],
    [`command ${ed25519}`, /"command" needs a value in quotes/],
    [`from="192.0.2.1 ${ed25519}`, /quote/],
    ['ssh-ed25519', /not base64/],
    ['ssh-ed25519 AAAA!', /not base64/],
    [`${ed25519.slice(0, -8)}`, /may be cut off/],
    [`ssh-rsa ${ed25519.split(' ')[1]}`, /is not a ssh-rsa key/],
    [keyLine('ssh-ed25519', Buffer.alloc(31)), /malformed/],
    [keyLine('ecdsa-sha2-nistp256', 'nistp384', Buffer.alloc(97)), /malformed/],
    [keyLine('ssh-dss', 'p', 'q', 'g', 'y'), /"ssh-dss" are not accepted/],
    [keyLine('ssh-ed25519-cert-v01@openssh.com', 'x'), /certificates/],
    ['-----BEGIN OPENSSH PRIVATE KEY-----', /private key/],
    ['just some words', /not a public key line/],
  ])('include %s', (line, reason) => {
    expect(problemOf(line)).toMatch(reason);
  });

  it('include a short RSA key', () => {
    expect(problemOf(rsa(1024))).toMatch(/1024 bits: expected at least 2048/);
  });

  it('are reported by line and do not affect other lines', () => {
    const { keys, problems } = parseAuthorizedKeys(
      `# a\nnonsense here\n${ed25519}\n\ncommand="ls" ${ecdsa}\n${ecdsa}\n`,
    );
    expect(keys.map((key) => key.line)).toEqual([3, 6]);
    expect(problems.map((problem) => problem.line)).toEqual([2, 5]);
  });
});
