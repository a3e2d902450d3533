import { getDiffieHellman } from 'node:crypto';
import { keyExchangeFault } from '../wire/fault.js';
import { Message } from '../wire/message-numbers.js';
import { WireReader } from '../wire/reader.js';
import { encodeMpint } from '../wire/writer.js';
import { expectKexMessage, type KexAgreement, type KexRun } from './method.js';

/** Our share and the secret of one Diffie-Hellman agreement, both magnitudes. */
export interface DhAgreement {
  readonly share: Buffer;
  readonly secret: Buffer;
}

/** Agrees on a secret in a group of RFC 3526. A share outside [2, p - 2] is refused (RFC 8268 section 4). */
export function agreeDh(group: string, peerShare: Buffer): DhAgreement {
  const dh = getDiffieHellman(group);
  const share = dh.generateKeys();
  if (!isWithin(peerShare, dh.getPrime())) throw keyExchangeFault('Diffie-Hellman share is out of range');
  try {
    return { share, secret: dh.computeSecret(peerShare) };
  } catch {
    throw keyExchangeFault('Diffie-Hellman share is not usable');
  }
}

/** Returns true if 1 < share < prime - 1. Both are magnitudes without leading zeros; the prime is odd. */
function isWithin(share: Buffer, prime: Buffer): boolean {
  if (share.byteLength === 0 || (share.byteLength === 1 && (share[0] ?? 0) <= 1)) return false;
  if (share.byteLength !== prime.byteLength) return share.byteLength < prime.byteLength;
  const last = prime.byteLength - 1;
  const primeMinusOne = Buffer.from(prime);
  primeMinusOne[last] = (primeMinusOne[last] ?? 0) - 1;
  return share.compare(primeMinusOne) < 0;
}

/** diffie-hellman-group14-sha256 and -group16-sha512 (RFC 4253 section 8, RFC 8268). */
export class DhGroupRun implements KexRun {
  readonly #group: string;

  /** `group` is the name in node:crypto. */
  constructor(group: string) {
    this.#group = group;
  }

  receive(type: number, payload: Buffer): KexAgreement {
    expectKexMessage(type, Message.kexEcdhInit);
    const reader = new WireReader(payload, 1);
    const clientShare = reader.mpint();
    reader.end();
    const { share, secret } = agreeDh(this.#group, clientShare);
    const serverShare = encodeMpint(share);
    return {
      kind: 'agreed',
      replyType: Message.kexEcdhReply,
      serverShare,
      transcript: [encodeMpint(clientShare), serverShare],
      secret: encodeMpint(secret),
    };
  }
}
