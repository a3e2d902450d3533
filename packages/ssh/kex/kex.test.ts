import { createECDH, getDiffieHellman } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type KexAlgorithm, kexAlgorithms } from '../algorithms/kex-methods.js';
import { startClientKex } from '../testing/client-kex.js';
import { ProtocolError } from '../wire/fault.js';
import { Message } from '../wire/message-numbers.js';
import { encodeMpint, encodeString, WireWriter } from '../wire/writer.js';
import { deriveKeys } from './key-derivation.js';
import { mlkemKeyBytes } from './mlkem768x25519.js';
import { chooseGroup } from './safe-primes.js';
import { startKex } from './start.js';

function algorithm(name: string): KexAlgorithm {
  const found = kexAlgorithms.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`${name} not found`);
  return found;
}

/** The server's reply as a client reads it. */
function replyOf(step: { readonly replyType: number; readonly serverShare: Buffer }): Buffer {
  return Buffer.concat([
    Buffer.from([step.replyType]),
    encodeString('host key'),
    step.serverShare,
    encodeString('signature'),
  ]);
}

const init = (share: Buffer) => Buffer.concat([Buffer.from([Message.kexEcdhInit]), share]);

describe('every key exchange method', () => {
  it.each(kexAlgorithms.map((entry) => [entry.name, entry] as const))(
    '%s gives both sides the same secret and transcript',
    (_, entry) => {
      const client = startClientKex(entry);
      const server = startKex(entry);
      let step = server.receive(client.opening[0] ?? 0, client.opening);
      if (step.kind === 'reply') {
        const next = client.receive(step.payload[0] ?? 0, step.payload);
        if (next.kind !== 'reply') throw new Error('the client ends early');
        step = server.receive(next.payload[0] ?? 0, next.payload);
      }
      if (step.kind !== 'agreed') throw new Error('the server does not end');
      const agreement = client.receive(step.replyType, replyOf(step));
      if (agreement.kind !== 'agreed') throw new Error('the client does not end');
      expect(step.secret).toEqual(agreement.secret);
      expect(Buffer.concat(step.transcript)).toEqual(Buffer.concat(agreement.transcript));
    },
  );

  it.each(kexAlgorithms.map((entry) => [entry.name, entry] as const))(
    '%s refuses other messages, data behind the message, and an empty message',
    (_, entry) => {
      const { opening } = startClientKex(entry);
      const type = opening[0] ?? 0;
      expect(() => startKex(entry).receive(type === 30 ? 34 : 30, opening)).toThrow(ProtocolError);
      expect(() => startKex(entry).receive(type, Buffer.concat([opening, Buffer.alloc(1)]))).toThrow(
        ProtocolError,
      );
      expect(() => startKex(entry).receive(type, opening.subarray(0, -1))).toThrow(ProtocolError);
      expect(() => startKex(entry).receive(type, opening.subarray(0, 1))).toThrow(ProtocolError);
    },
  );
});

describe('mlkem768x25519-sha256', () => {
  const run = (share: Buffer) => () => {
    startKex(algorithm('mlkem768x25519-sha256')).receive(Message.kexEcdhInit, init(encodeString(share)));
  };
  const good = () => {
    const { opening } = startClientKex(algorithm('mlkem768x25519-sha256'));
    return Buffer.from(opening.subarray(5));
  };

  it('accepts a share of 1216 bytes and replies with 1120 bytes', () => {
    expect(good().byteLength).toBe(1216);
    const { opening } = startClientKex(algorithm('mlkem768x25519-sha256'));
    const step = startKex(algorithm('mlkem768x25519-sha256')).receive(30, opening);
    expect(step.kind === 'agreed' && step.serverShare.byteLength).toBe(4 + 1120);
    // The secret is a string of 32 bytes whatever its first bit is.
    expect(step.kind === 'agreed' && step.secret.readUInt32BE()).toBe(32);
  });

  it('refuses a share of another length', () => {
    expect(run(good().subarray(1))).toThrow('wrong length');
    expect(run(Buffer.concat([good(), Buffer.alloc(1)]))).toThrow(ProtocolError);
    expect(run(good().subarray(mlkemKeyBytes))).toThrow('wrong length');
  });

  it('refuses an encapsulation key with a coefficient that is not reduced', () => {
    const share = good();
    share.fill(0xff, 0, 3);
    expect(run(share)).toThrow('ML-KEM-768 encapsulation key is not valid');
  });

  it('refuses an X25519 share that makes the secret zero', () => {
    const share = good();
    share.fill(0, mlkemKeyBytes);
    expect(run(share)).toThrow('X25519 share is not usable');
  });
});

describe('curve25519-sha256', () => {
  const run = (share: Buffer) => () => {
    startKex(algorithm('curve25519-sha256')).receive(Message.kexEcdhInit, init(encodeString(share)));
  };
  // Points of small order from RFC 7748 section 7 and the curve25519 page of Bernstein.
  const smallOrder = [
    '00'.repeat(32),
    `01${'00'.repeat(31)}`,
    'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
    '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
    `ec${'ff'.repeat(30)}7f`,
    `ed${'ff'.repeat(30)}7f`,
    `ee${'ff'.repeat(30)}7f`,
  ];

  it.each(smallOrder)('refuses the point of small order %s', (point) => {
    expect(run(Buffer.from(point, 'hex'))).toThrow('X25519 share is not usable');
  });

  it('refuses a share of another length', () => {
    expect(run(Buffer.alloc(31, 9))).toThrow('wrong length');
    expect(run(Buffer.alloc(33, 9))).toThrow(ProtocolError);
  });
});

describe('ecdh-sha2-nistp256', () => {
  const run = (share: Buffer) => () => {
    startKex(algorithm('ecdh-sha2-nistp256')).receive(Message.kexEcdhInit, init(encodeString(share)));
  };

  it('refuses a point that is not on the curve', () => {
    const point = createECDH('prime256v1').generateKeys();
    point[64] = (point[64] ?? 0) ^ 1;
    expect(run(point)).toThrow('not a point of the curve');
  });

  it('refuses a compressed point, a hybrid point, the point at infinity and a point of another curve', () => {
    const ecdh = createECDH('prime256v1');
    ecdh.generateKeys();
    for (const share of [
      ecdh.getPublicKey(null, 'compressed'),
      ecdh.getPublicKey(null, 'hybrid'),
      Buffer.alloc(1),
      Buffer.alloc(65),
      createECDH('secp384r1').generateKeys(),
      Buffer.alloc(0),
    ]) {
      expect(run(share)).toThrow('not an uncompressed point');
    }
  });
});

describe('Diffie-Hellman', () => {
  const prime = getDiffieHellman('modp14').getPrime();
  const around = (offset: bigint) => {
    const value = BigInt(`0x${prime.toString('hex')}`) + offset;
    return Buffer.from(value.toString(16).padStart(512, '0'), 'hex');
  };

  it.each([
    ['0', Buffer.alloc(0)],
    ['1', Buffer.from([1])],
    ['p - 1', around(-1n)],
    ['p', around(0n)],
    ['p + 1', around(1n)],
    ['2 p', Buffer.concat([Buffer.from([1]), prime])],
  ])('refuses the share %s', (_, share) => {
    const run = startKex(algorithm('diffie-hellman-group14-sha256'));
    expect(() => run.receive(Message.kexEcdhInit, init(encodeMpint(share)))).toThrow('out of range');
  });

  it.each([
    ['2', Buffer.from([2])],
    ['p - 2', around(-2n)],
  ])('accepts the share %s', (_, share) => {
    const run = startKex(algorithm('diffie-hellman-group14-sha256'));
    expect(run.receive(Message.kexEcdhInit, init(encodeMpint(share))).kind).toBe('agreed');
  });

  it('refuses a negative share', () => {
    const run = startKex(algorithm('diffie-hellman-group14-sha256'));
    expect(() => run.receive(Message.kexEcdhInit, init(encodeString(Buffer.from([0x80]))))).toThrow(
      'negative',
    );
  });
});

describe('group exchange', () => {
  const request = (min: number, preferred: number, max: number) =>
    new WireWriter().u8(Message.kexGexRequest).u32(min).u32(preferred).u32(max).finish();

  it.each([
    [2048, 2048, 8192, 2048],
    [2048, 3072, 8192, 3072],
    [2048, 8192, 8192, 4096],
    [1024, 1024, 2048, 2048],
    [3000, 3000, 3500, 3072],
    [2048, 4096, 3500, 3072],
  ])('for min %i, preferred %i and max %i bits chooses %i bits', (minBits, preferredBits, maxBits, bits) => {
    expect(chooseGroup({ minBits, preferredBits, maxBits })?.bits).toBe(bits);
  });

  it.each([
    [1024, 1024, 1536],
    [4097, 8192, 8192],
    [2049, 2049, 3000],
    [4096, 2048, 8192],
    [2048, 8192, 4096],
  ])('for min %i, preferred %i and max %i bits ends the exchange', (min, preferred, max) => {
    const run = startKex(algorithm('diffie-hellman-group-exchange-sha256'));
    expect(() => run.receive(Message.kexGexRequest, request(min, preferred, max))).toThrow(ProtocolError);
  });

  it('refuses the old request without bounds, and a share before a request', () => {
    const run = startKex(algorithm('diffie-hellman-group-exchange-sha256'));
    expect(() => run.receive(30, Buffer.from([30, 0, 0, 8, 0]))).toThrow(ProtocolError);
    expect(() => run.receive(Message.kexGexInit, init(encodeMpint(Buffer.from([2]))))).toThrow(ProtocolError);
  });

  it('refuses a second request', () => {
    const run = startKex(algorithm('diffie-hellman-group-exchange-sha256'));
    run.receive(Message.kexGexRequest, request(2048, 2048, 8192));
    expect(() => run.receive(Message.kexGexRequest, request(2048, 2048, 8192))).toThrow(ProtocolError);
  });
});

describe('key derivation', () => {
  it('extends keys beyond the length of the hash', () => {
    const source = {
      hash: 'sha256',
      secret: encodeMpint(Buffer.from('0102', 'hex')),
      exchangeHash: Buffer.alloc(32, 1),
      sessionId: Buffer.alloc(32, 2),
    };
    const cipher = {
      name: '',
      kind: 'chacha20-poly1305' as const,
      primitive: '',
      keyBytes: 64,
      ivBytes: 0,
      blockBytes: 8,
      tagBytes: 16,
    };
    const there = deriveKeys(source, 'clientToServer', { cipher, mac: null });
    const back = deriveKeys(source, 'serverToClient', { cipher, mac: null });
    expect(there.key.toString('hex')).toBe(expectedKeys.C);
    expect(back.key.toString('hex')).toBe(expectedKeys.D);
    expect(there.iv.byteLength + there.macKey.byteLength).toBe(0);
  });
});

/** Computed with Python's hashlib. */
const expectedKeys = {
  C: '5eb5e3f733007fd6a10777cdb671076a6b75ce6ad40919218c0b8e372c8825017fdf3cbb65e078ffe32972e5f5992a4eb22a2f031eb683851de137706b087e83',
  D: '2df86203bd061cca82ea8fefc9d602134e7813a12a38ccaeab3ee094141be890715f890ad60564523b8f64ff30464e10a20e5db256f37b600ce42b6d4fb80f63',
};

it('uses no private key twice', () => {
  const { opening } = startClientKex(algorithm('curve25519-sha256'));
  const shares = [1, 2].map(() => {
    const step = startKex(algorithm('curve25519-sha256')).receive(30, opening);
    return step.kind === 'agreed' ? step.serverShare.toString('hex') : '';
  });
  expect(shares[0]).not.toBe(shares[1]);
});
