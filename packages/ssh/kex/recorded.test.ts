import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { cipherAlgorithms } from '../algorithms/ciphers.js';
import { kexAlgorithms } from '../algorithms/kex-methods.js';
import { macAlgorithms } from '../algorithms/macs.js';
import { createOpener } from '../cipher/create.js';
import type { RecordedHandshake } from '../testing/record-openssh.js';
import { PacketReader } from '../transport/packet-reader.js';
import { ReusingSlabPool } from '../transport/slabs.js';
import { Message } from '../wire/message-numbers.js';
import { WireReader } from '../wire/reader.js';
import { exchangeHash } from './exchange-hash.js';
import { deriveKeys } from './key-derivation.js';

/** Recorded with testing/record-openssh.ts from OpenSSH 9.2 and 10.6. */
const recordings = new URL('../testing/recordings/', import.meta.url);
const handshakes = readdirSync(recordings)
  .filter((name) => name.endsWith('.json'))
  .flatMap((name) => JSON.parse(readFileSync(new URL(name, recordings), 'utf8')) as RecordedHandshake[]);

const hex = (text: string) => Buffer.from(text, 'hex');

function found<T extends { readonly name: string }>(table: readonly T[], name: string): T {
  const entry = table.find((candidate) => candidate.name === name);
  if (entry === undefined) throw new Error(`${name} not found`);
  return entry;
}

/** Returns the payloads that the client sent after its NEWKEYS, decrypted with the keys that follow from the recording. */
function payloadsOf(recorded: RecordedHandshake): Buffer[] {
  const { hash } = found(kexAlgorithms, recorded.kex);
  const opening = {
    clientIdent: recorded.clientIdent,
    serverIdent: recorded.serverIdent,
    clientInit: hex(recorded.clientInit),
    serverInit: hex(recorded.serverInit),
    hostKey: hex(recorded.hostKey),
  };
  const secret = hex(recorded.secret);
  const digest = exchangeHash(hash, opening, [hex(recorded.transcript)], secret);
  const cipher = found(cipherAlgorithms, recorded.cipher);
  const mac = cipher.tagBytes > 0 ? null : found(macAlgorithms, recorded.mac);
  const source = { hash, secret, exchangeHash: digest, sessionId: digest };
  const keys = deriveKeys(source, 'clientToServer', { cipher, mac });
  const payloads: Buffer[] = [];
  const reader = new PacketReader({
    slabs: new ReusingSlabPool(),
    maxPayloadBytes: 32_768,
    preface: (_, start) => start,
    packet: (payload) => payloads.push(Buffer.from(payload)),
  });
  reader.setOpener(createOpener({ cipher, mac }, keys), true);
  reader.copy(hex(recorded.sealed));
  return payloads;
}

describe('recorded handshakes of OpenSSH', () => {
  it('cover every key exchange method, cipher and MAC', () => {
    const names = (key: 'kex' | 'cipher' | 'mac') => new Set(handshakes.map((handshake) => handshake[key]));
    expect(names('kex')).toEqual(new Set(kexAlgorithms.map(({ name }) => name)));
    expect(names('cipher')).toEqual(new Set(cipherAlgorithms.map(({ name }) => name)));
    expect(names('mac')).toEqual(new Set(macAlgorithms.map(({ name }) => name)));
  });

  it.each(
    handshakes.map(
      (handshake) => [`${handshake.kex} ${handshake.cipher} ${handshake.mac}`, handshake] as const,
    ),
  )('%s lead to the keys that the client used', (_, handshake) => {
    const payloads = payloadsOf(handshake);
    const request = payloads.find((payload) => payload[0] === Message.serviceRequest);
    expect(new WireReader(request ?? Buffer.alloc(0), 1).name()).toBe('ssh-userauth');
  });
});
