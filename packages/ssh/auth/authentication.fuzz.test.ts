import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeCertificate, makeUserKey } from '../testing/user-keys.js';
import { ProtocolError } from '../wire/fault.js';
import { WireWriter } from '../wire/writer.js';
import { readAnswers, readAuthRequest } from './auth-request.js';
import { defaultAuthLimits } from './limits.js';
import { type Answer, TestClient } from './testing/test-client.js';
import { TestUsers } from './testing/test-users.js';

const key = makeUserKey('ssh-ed25519');
const second = makeUserKey('sk-ecdsa-sha2-nistp256@openssh.com');
const certificate = makeCertificate(key, makeUserKey('ssh-rsa'));

const name = fc.constantFrom('none', 'publickey', 'password', 'keyboard-interactive', 'hostbased', '');
const algorithm = fc.constantFrom(
  'ssh-ed25519',
  'ssh-ed25519-cert-v01@openssh.com',
  second.type,
  'ssh-rsa',
  'x',
);
const field = fc.oneof(
  fc.uint8Array({ maxLength: 80 }),
  fc.constantFrom<Uint8Array>(key.blob, second.blob, certificate, Buffer.from('right')),
);

/** Requests that are well formed, nearly well formed, or noise. */
const message = fc.oneof(
  fc.tuple(name, fc.uint8Array({ maxLength: 60 })).map(([method, rest]) => head(method).raw(rest).finish()),
  fc.tuple(fc.boolean(), algorithm, field, field).map(([isSigned, as, blob, signature]) => {
    const writer = head('publickey').boolean(isSigned).string(as).string(blob);
    return (isSigned ? writer.string(signature) : writer).finish();
  }),
  fc.constant(head('keyboard-interactive').string('').string('').finish()),
  fc.array(field, { maxLength: 3 }).map((answers) => {
    const writer = new WireWriter().u8(61).u32(answers.length);
    for (const answer of answers) writer.string(answer);
    return writer.finish();
  }),
  fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.concat([Buffer.of(50), bytes])),
);

function head(method: string): WireWriter {
  return new WireWriter().u8(50).string('alice').string('ssh-connection').string(method);
}

describe('the authentication, given arbitrary messages', () => {
  it('reads them or throws a ProtocolError', () => {
    fc.assert(
      fc.property(message, fc.nat(4), (payload, expected) => {
        for (const read of [
          () => readAuthRequest(payload, defaultAuthLimits),
          () => readAnswers(payload, expected, defaultAuthLimits),
        ]) {
          try {
            read();
          } catch (error) {
            expect(error).toBeInstanceOf(ProtocolError);
          }
        }
      }),
      { numRuns: 5000 },
    );
  });

  it('answers every request until it ends the connection, never fails and stays within its bounds', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(message, { maxLength: 30 }), async (messages) => {
        const client = new TestClient(
          new TestUsers({ alice: { password: 'right', keys: [{ key: second }] } }),
        );
        const answers: Answer[] = [];
        for (const payload of messages) {
          client.send(payload);
          let answer = await client.answer();
          while (answer.kind === 'banner') {
            answers.push(answer);
            answer = await client.answer();
          }
          answers.push(answer);
          if (answer.kind === 'disconnect' || answer.kind === 'success') break;
        }
        const count = (kind: Answer['kind']) => answers.filter((answer) => answer.kind === kind).length;
        expect(client.failures).toEqual([]);
        expect(client.unread).toEqual([]);
        expect(count('failure')).toBeLessThanOrEqual(defaultAuthLimits.maxAuthAttempts);
        expect(count('banner')).toBeLessThanOrEqual(3);
        expect(client.layer.tally.refusals).toBeLessThanOrEqual(defaultAuthLimits.maxAuthAttempts);
        // A signature over this session was never made, so that only the password logs in.
        expect(count('success')).toBe(client.logins.length);
        expect(client.logins.every(({ methods }) => !methods.includes('publickey'))).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});
