import {
  createECDH,
  createHash,
  createPublicKey,
  decapsulate,
  diffieHellman,
  generateKeyPairSync,
  getDiffieHellman,
} from 'node:crypto';
import type { KexAlgorithm } from '../algorithms/kex-methods.js';
import { mlkemCiphertextBytes } from '../kex/mlkem768x25519.js';
import { primeOf, safePrimes } from '../kex/safe-primes.js';
import { Message } from '../wire/message-numbers.js';
import { WireReader } from '../wire/reader.js';
import { encodeMpint, encodeString, WireWriter } from '../wire/writer.js';

/** The client's share and the values that follow from the server's reply. */
export interface ClientAgreement {
  readonly kind: 'agreed';
  readonly hostKey: Buffer;
  readonly signature: Buffer;
  readonly transcript: readonly Buffer[];
  readonly secret: Buffer;
}

/** The client's side of one run of a method. */
export interface ClientKex {
  /** The first message of the method. */
  readonly opening: Buffer;
  receive(
    type: number,
    payload: Buffer,
  ): { readonly kind: 'reply'; readonly payload: Buffer } | ClientAgreement;
}

interface Share {
  readonly bytes: Buffer;
  secret(serverShare: Buffer): Buffer;
}

/** A method of one message each: the share is a string, or an mpint for Diffie-Hellman. */
function singleStep(share: Share, isMpint: boolean): ClientKex {
  const encode = isMpint ? encodeMpint : encodeString;
  const encodedShare = encode(share.bytes);
  return {
    opening: Buffer.concat([Buffer.from([Message.kexEcdhInit]), encodedShare]),
    receive: (_, payload) => {
      const reader = new WireReader(payload, 1);
      const hostKey = Buffer.from(reader.string());
      const serverShare = Buffer.from(isMpint ? reader.mpint() : reader.string());
      const signature = Buffer.from(reader.string());
      reader.end();
      const transcript = [encodedShare, encode(serverShare)];
      return { kind: 'agreed', hostKey, signature, transcript, secret: share.secret(serverShare) };
    },
  };
}

function x25519Secret(
  privateKey: ReturnType<typeof generateKeyPairSync>['privateKey'],
  share: Buffer,
): Buffer {
  const publicKey = createPublicKey({ key: share, format: 'raw-public', asymmetricKeyType: 'x25519' });
  return diffieHellman({ privateKey: privateKey as never, publicKey });
}

function curve25519(): Share {
  const { publicKey, privateKey } = generateKeyPairSync('x25519');
  return {
    bytes: publicKey.export({ format: 'raw-public' }),
    secret: (serverShare) => encodeMpint(x25519Secret(privateKey as never, serverShare)),
  };
}

function mlkem768x25519(): Share {
  const kem = generateKeyPairSync('ml-kem-768');
  const curve = generateKeyPairSync('x25519');
  return {
    bytes: Buffer.concat([
      kem.publicKey.export({ format: 'raw-public' }),
      curve.publicKey.export({ format: 'raw-public' }),
    ]),
    secret: (serverShare) => {
      const shared = decapsulate(kem.privateKey, serverShare.subarray(0, mlkemCiphertextBytes));
      const classical = x25519Secret(curve.privateKey as never, serverShare.subarray(mlkemCiphertextBytes));
      return encodeString(createHash('sha256').update(shared).update(classical).digest());
    },
  };
}

function ecdh(curve: string): Share {
  const state = createECDH(curve);
  return {
    bytes: state.generateKeys(),
    secret: (serverShare) => encodeMpint(state.computeSecret(serverShare)),
  };
}

function dhGroup(group: string): Share {
  const state = getDiffieHellman(group);
  return {
    bytes: state.generateKeys(),
    secret: (serverShare) => encodeMpint(state.computeSecret(serverShare)),
  };
}

/** diffie-hellman-group-exchange-sha256 with the sizes that OpenSSH asks for. */
function groupExchange(sizes: readonly [number, number, number]): ClientKex {
  const request = new WireWriter(12).u32(sizes[0]).u32(sizes[1]).u32(sizes[2]).finish();
  let group: { dh: ReturnType<typeof getDiffieHellman>; parts: Buffer[] } | null = null;
  return {
    opening: Buffer.concat([Buffer.from([Message.kexGexRequest]), request]),
    receive: (type, payload) => {
      const reader = new WireReader(payload, 1);
      if (type === Message.kexGexGroup) {
        const prime = Buffer.from(reader.mpint());
        const generator = Buffer.from(reader.mpint());
        // A group by its name: node:crypto tests the primality of any other, which takes seconds.
        const name = safePrimes.find((candidate) => primeOf(candidate).equals(prime))?.name;
        if (name === undefined) throw new Error('group is not known');
        const dh = getDiffieHellman(name);
        const share = encodeMpint(dh.generateKeys());
        group = { dh, parts: [request, encodeMpint(prime), encodeMpint(generator), share] };
        return { kind: 'reply', payload: Buffer.concat([Buffer.from([Message.kexGexInit]), share]) };
      }
      if (group === null) throw new Error('reply without a group');
      const hostKey = Buffer.from(reader.string());
      const serverShare = Buffer.from(reader.mpint());
      const signature = Buffer.from(reader.string());
      const secret = encodeMpint(group.dh.computeSecret(serverShare));
      return {
        kind: 'agreed',
        hostKey,
        signature,
        transcript: [...group.parts, encodeMpint(serverShare)],
        secret,
      };
    },
  };
}

/** Starts the client's side of a method. */
export function startClientKex(
  { kind, group }: KexAlgorithm,
  sizes: readonly [number, number, number] = [2048, 3072, 8192],
): ClientKex {
  switch (kind) {
    case 'curve25519':
      return singleStep(curve25519(), false);
    case 'mlkem768x25519':
      return singleStep(mlkem768x25519(), false);
    case 'ecdh':
      return singleStep(ecdh(group), false);
    case 'dh-group':
      return singleStep(dhGroup(group), true);
    case 'dh-group-exchange':
      return groupExchange(sizes);
  }
}
