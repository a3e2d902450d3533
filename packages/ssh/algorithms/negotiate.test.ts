import { describe, expect, it } from 'vitest';
import { buildKexInit, type KexInit, type KexLists, parseKexInit } from '../kex/kexinit.js';
import { ProtocolError } from '../wire/fault.js';
import { KexMarker } from './kex-methods.js';
import {
  type AlgorithmOffer,
  fullOffer,
  kexListsOf,
  MismatchError,
  negotiate,
  tailorOffer,
} from './negotiate.js';

const server = fullOffer(['ssh-ed25519', 'ssh-rsa']);

function client(offer: Partial<AlgorithmOffer> = {}, others: Partial<KexInit> = {}): KexInit {
  const lists = kexListsOf({ ...server, ...offer }, [KexMarker.strictClient]);
  return { ...lists, firstKexPacketFollows: false, ...others };
}

const serverLists = kexListsOf(server, []);

describe('the offer of the server', () => {
  it('has the methods in the order of preference, and no SHA-1, CBC, DSA or compression', () => {
    const all = fullOffer(['ssh-ed25519', 'ecdsa-sha2-nistp256', 'ssh-rsa']);
    expect(all.kex[0]).toBe('mlkem768x25519-sha256');
    expect(all.hostKey).toEqual(['ssh-ed25519', 'ecdsa-sha2-nistp256', 'rsa-sha2-512', 'rsa-sha2-256']);
    expect(all.mac).toEqual([
      'hmac-sha2-256-etm@openssh.com',
      'hmac-sha2-512-etm@openssh.com',
      'hmac-sha2-256',
      'hmac-sha2-512',
    ]);
    const names = [...all.kex, ...all.hostKey, ...all.cipher, ...all.mac];
    expect(names.filter((name) => /sha1|cbc|dss|ssh-rsa|md5|zlib|none|group1-|group18/.test(name))).toEqual(
      [],
    );
    expect(serverLists.compressionClientToServer).toEqual(['none']);
  });
});

describe('negotiation', () => {
  it("follows the client's order", () => {
    const result = negotiate(
      client({
        kex: ['foreign', 'ecdh-sha2-nistp521', 'curve25519-sha256'],
        hostKey: ['ssh-dss', 'rsa-sha2-256', 'ssh-ed25519'],
        cipher: ['aes256-ctr', 'aes128-gcm@openssh.com'],
        mac: ['hmac-sha1', 'hmac-sha2-512', 'hmac-sha2-256-etm@openssh.com'],
      }),
      serverLists,
    );
    expect(result.kex.name).toBe('ecdh-sha2-nistp521');
    expect(result.hostKey.name).toBe('rsa-sha2-256');
    expect(result.clientToServer.cipher.name).toBe('aes256-ctr');
    expect(result.clientToServer.mac?.name).toBe('hmac-sha2-512');
  });

  it('chooses each direction by itself', () => {
    const result = negotiate(
      client(
        {},
        { cipherClientToServer: ['aes128-ctr'], cipherServerToClient: ['chacha20-poly1305@openssh.com'] },
      ),
      serverLists,
    );
    expect(result.clientToServer.cipher.name).toBe('aes128-ctr');
    expect(result.clientToServer.mac).not.toBeNull();
    expect(result.serverToClient.cipher.name).toBe('chacha20-poly1305@openssh.com');
    expect(result.serverToClient.mac).toBeNull();
  });

  it('needs no common MAC for a cipher that authenticates', () => {
    const offer = { cipher: ['aes128-gcm@openssh.com'], mac: ['hmac-sha1'] };
    expect(negotiate(client(offer), serverLists).clientToServer.mac).toBeNull();
  });

  it.each([
    ['kex', { kex: ['diffie-hellman-group1-sha1', KexMarker.strictServer] }],
    ['hostKey', { hostKey: ['ssh-rsa', 'ssh-dss'] }],
    ['cipherClientToServer', { cipher: ['aes128-cbc'] }],
    ['macClientToServer', { cipher: ['aes128-ctr'], mac: ['hmac-sha1'] }],
  ] as const)('names the list without a common name: %s', (list, offer) => {
    const run = () => negotiate(client(offer), serverLists);
    expect(run).toThrow(MismatchError);
    expect(run).toThrow('server offers ');
    expect(run).toThrow(expect.objectContaining({ mismatch: expect.objectContaining({ list }) }));
  });

  it('refuses compression', () => {
    const offered = client({}, { compressionClientToServer: ['zlib@openssh.com'] });
    expect(() => negotiate(offered, serverLists)).toThrow('compression (client to server)');
  });

  it('cannot choose a marker as a method', () => {
    const lists = kexListsOf(server, [KexMarker.strictServer]);
    expect(() => negotiate(client({ kex: [KexMarker.strictServer] }), lists)).toThrow(MismatchError);
  });

  it.each([
    [{}, false],
    [{ kex: ['curve25519-sha256'] }, true],
    [{ hostKey: ['rsa-sha2-512'] }, true],
  ])('recognises whether the guess of %j is wrong', (offer, isWrong) => {
    const guessing = client(offer, { firstKexPacketFollows: true });
    expect(negotiate(guessing, serverLists).isGuessWrong).toBe(isWrong);
    expect(negotiate(client(offer), serverLists).isGuessWrong).toBe(false);
  });
});

describe('the offer as it fits a client', () => {
  it('is AES-GCM alone when both directions can have it', () => {
    expect(tailorOffer(server, client()).cipher).toEqual([
      'aes128-gcm@openssh.com',
      'aes256-gcm@openssh.com',
    ]);
    const oneWay = client({}, { cipherServerToClient: ['aes128-ctr'] });
    expect(tailorOffer(server, oneWay).cipher).toEqual(server.cipher);
  });

  it('is complete when the client has nothing in common', () => {
    expect(tailorOffer(server, client({ cipher: ['aes128-cbc'] }))).toEqual(server);
  });

  it('lacks chacha20-poly1305 for a client without strict key exchange that has another cipher', () => {
    const cipher = ['chacha20-poly1305@openssh.com', 'aes128-ctr'];
    const plain = client({ cipher }, { kex: ['curve25519-sha256'] });
    expect(tailorOffer(server, plain).cipher).not.toContain('chacha20-poly1305@openssh.com');
    const only = client({ cipher: cipher.slice(0, 1) }, { kex: ['curve25519-sha256'] });
    expect(tailorOffer(server, only).cipher).toContain('chacha20-poly1305@openssh.com');
  });
});

describe('KEXINIT', () => {
  const lists: KexLists = client({ kex: ['a', 'b'] });

  it('is read back unchanged, with a new cookie each time', () => {
    const payload = buildKexInit(lists, true);
    expect(parseKexInit(payload)).toEqual({ ...lists, firstKexPacketFollows: true });
    expect(buildKexInit(lists).equals(buildKexInit(lists))).toBe(false);
  });

  it('is refused when it is truncated, extended, or its reserved field is set', () => {
    const payload = buildKexInit(lists);
    for (let length = 1; length < payload.byteLength; length += 1) {
      expect(() => parseKexInit(payload.subarray(0, length))).toThrow(ProtocolError);
    }
    expect(() => parseKexInit(Buffer.concat([payload, Buffer.alloc(1)]))).toThrow(ProtocolError);
    const reserved = Buffer.from(payload);
    reserved[payload.byteLength - 1] = 1;
    expect(() => parseKexInit(reserved)).toThrow('reserved');
  });
});
