import { randomBytes, randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { cipherAlgorithms } from '../algorithms/ciphers.js';
import { macAlgorithms } from '../algorithms/macs.js';
import { createOpener, createSealer, type ProtectionAlgorithms } from './create.js';
import { type NativeProtection, nativeProtection } from './native.js';
import type { DirectionKeys } from './protection.js';

interface KnownAnswer {
  readonly cipher: string;
  readonly mac: string | null;
  readonly key: string;
  readonly iv: string;
  readonly macKey: string;
  readonly packets: readonly { readonly sequence: number; readonly plain: string; readonly sealed: string }[];
}

/** Computed with Python's `cryptography` and `hmac` from the definitions in RFC 5647, RFC 4253 and OpenSSH's PROTOCOL files. */
const knownAnswers = JSON.parse(
  readFileSync(new URL('known-answers.json', import.meta.url), 'utf8'),
) as readonly KnownAnswer[];

const hex = (text: string) => Buffer.from(text, 'hex');

function algorithmsOf(answer: { cipher: string; mac: string | null }): ProtectionAlgorithms {
  const cipher = cipherAlgorithms.find(({ name }) => name === answer.cipher);
  const mac = macAlgorithms.find(({ name }) => name === answer.mac) ?? null;
  if (cipher === undefined) throw new Error(`cipher ${answer.cipher} not found`);
  return { cipher, mac };
}

function keysOf(answer: KnownAnswer): DirectionKeys {
  return { key: hex(answer.key), iv: hex(answer.iv), macKey: hex(answer.macKey) };
}

const implementations = [
  ['node:crypto', null],
  ['the add-on', nativeProtection],
] as const;

it.skipIf(process.env['SFTPGW_SSH_NATIVE'] === 'no')(
  'has the add-on, which the other tests compare with node:crypto',
  () => {
    expect(nativeProtection).not.toBeNull();
  },
);

it('has known answers for every cipher and MAC', () => {
  expect(new Set(knownAnswers.map(({ cipher }) => cipher))).toEqual(
    new Set(cipherAlgorithms.map(({ name }) => name)),
  );
  expect(new Set(knownAnswers.flatMap(({ mac }) => mac ?? []))).toEqual(
    new Set(macAlgorithms.map(({ name }) => name)),
  );
});

describe.each(implementations)('packet protection by %s', (_, native) => {
  describe.each(knownAnswers.map((answer) => [`${answer.cipher} ${answer.mac ?? ''}`, answer] as const))(
    '%s',
    (_name, answer) => {
      const algorithms = algorithmsOf(answer);

      it('gives the known ciphertexts', () => {
        const sealer = createSealer(algorithms, keysOf(answer), native);
        for (const { sequence, plain, sealed } of answer.packets) {
          const expected = hex(sealed);
          const buffer = Buffer.alloc(expected.byteLength + 10, 0xee);
          hex(plain).copy(buffer, 3);
          sealer.seal(buffer, 3, hex(plain).byteLength, sequence);
          expect(buffer.subarray(3, 3 + expected.byteLength)).toEqual(expected);
          expect(buffer.subarray(0, 3)).toEqual(Buffer.alloc(3, 0xee));
          expect(buffer.subarray(3 + expected.byteLength)).toEqual(Buffer.alloc(7, 0xee));
        }
      });

      it('gives the known plaintexts', () => {
        const opener = createOpener(algorithms, keysOf(answer), native);
        for (const { sequence, plain, sealed } of answer.packets) {
          const expected = hex(plain);
          const buffer = Buffer.concat([Buffer.alloc(5), hex(sealed), Buffer.alloc(5)]);
          expect(opener.packetLength(buffer, 5, sequence)).toBe(expected.readUInt32BE());
          expect(opener.open(buffer, 5, expected.byteLength, sequence)).toBe(true);
          expect(buffer.subarray(5, 5 + expected.byteLength)).toEqual(expected);
        }
      });

      it('refuses a packet with one bit changed anywhere', () => {
        const [packet] = answer.packets;
        if (packet === undefined) throw new Error('no packet');
        const sealed = hex(packet.sealed);
        const bytes = hex(packet.plain).byteLength;
        for (let bit = 0; bit < 8 * sealed.byteLength; bit += 1) {
          const opener = createOpener(algorithms, keysOf(answer), native);
          const buffer = Buffer.from(sealed);
          buffer[bit >> 3] = (buffer[bit >> 3] ?? 0) ^ (1 << (bit & 7));
          opener.packetLength(buffer, 0, packet.sequence);
          expect(opener.open(buffer, 0, bytes, packet.sequence)).toBe(false);
        }
      });

      it('refuses a packet under another sequence number, unless AES-GCM counts packets itself', () => {
        const [packet] = answer.packets;
        if (packet === undefined) throw new Error('no packet');
        const opener = createOpener(algorithms, keysOf(answer), native);
        const buffer = hex(packet.sealed);
        opener.packetLength(buffer, 0, packet.sequence);
        const isOpen = opener.open(buffer, 0, hex(packet.plain).byteLength, packet.sequence + 1);
        expect(isOpen).toBe(algorithms.cipher.kind === 'gcm');
      });
    },
  );
});

describe('the add-on and node:crypto', () => {
  const authenticated = cipherAlgorithms.filter(({ tagBytes }) => tagBytes > 0);

  it.each(authenticated.map((cipher) => [cipher.name, cipher] as const))(
    'agree on random packets of %s',
    (_, cipher) => {
      const algorithms = { cipher, mac: null };
      const keys = {
        key: randomBytes(cipher.keyBytes),
        iv: randomBytes(cipher.ivBytes),
        macKey: Buffer.alloc(0),
      };
      const sealers = implementations.map(([, native]) => createSealer(algorithms, keys, native));
      const openers = implementations.map(([, native]) => createOpener(algorithms, keys, native));
      for (let sequence = 0; sequence < 300; sequence += 1) {
        const packetBytes = 4 + cipher.blockBytes * randomInt(1, sequence % 10 === 0 ? 2000 : 20);
        const plain = Buffer.concat([randomBytes(packetBytes), Buffer.alloc(cipher.tagBytes)]);
        plain.writeUInt32BE(packetBytes - 4);
        const sealed = sealers.map((sealer) => {
          const buffer = Buffer.from(plain);
          sealer.seal(buffer, 0, packetBytes, sequence);
          return buffer;
        });
        expect(sealed[0]?.equals(sealed[1] ?? plain)).toBe(true);
        sealed.forEach((buffer, index) => {
          expect(openers[index]?.packetLength(buffer, 0, sequence)).toBe(packetBytes - 4);
          expect(openers[index]?.open(buffer, 0, packetBytes, sequence)).toBe(true);
          expect(buffer.subarray(0, packetBytes).equals(plain.subarray(0, packetBytes))).toBe(true);
        });
      }
    },
  );
});

describe.skipIf(nativeProtection === null)('the add-on', () => {
  const native = nativeProtection as NativeProtection;
  const state = nativeProtection?.createGcm(Buffer.alloc(16), Buffer.alloc(12), true) ?? {};

  it.each([
    ['a packet beyond the buffer', () => native.seal(state, Buffer.alloc(35), 0, 20, 0)],
    ['an offset beyond the buffer', () => native.seal(state, Buffer.alloc(36), 0xffff_ffff, 20, 0)],
    ['a packet without a body', () => native.seal(state, Buffer.alloc(36), 0, 4, 0)],
    ['a sealer used to open', () => native.open(state, Buffer.alloc(36), 0, 20, 0)],
    ['an object that is not a state', () => native.seal({}, Buffer.alloc(36), 0, 20, 0)],
    ['a string in place of a buffer', () => native.seal(state, 'x' as unknown as Buffer, 0, 20, 0)],
    ['a key of the wrong length', () => native.createGcm(Buffer.alloc(17), Buffer.alloc(12), true)],
    ['a nonce of the wrong length', () => native.createGcm(Buffer.alloc(16), Buffer.alloc(16), true)],
    ['a ChaCha20 key of the wrong length', () => native.createChacha(Buffer.alloc(32), true)],
    ['the length of an AES-GCM packet', () => native.packetLength(state, Buffer.alloc(36), 0, 0)],
  ])('refuses %s', (_, call) => {
    expect(call).toThrow();
  });
});
