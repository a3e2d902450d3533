import { createECDH, type ECDH } from 'node:crypto';
import { keyExchangeFault } from '../wire/fault.js';
import { Message } from '../wire/message-numbers.js';
import { WireReader } from '../wire/reader.js';
import { encodeMpint, encodeString } from '../wire/writer.js';
import { expectKexMessage, type KexAgreement, type KexRun } from './method.js';

const uncompressedMarker = 4;
/** A point of the largest curve: two coordinates of 66 bytes after the marker. */
const maxPointBytes = 1 + 2 * 66;

/** Our point and the secret of one ECDH agreement. */
export interface EcdhAgreement {
  readonly point: Buffer;
  readonly secret: Buffer;
}

function newKey(curve: string): ECDH {
  const ecdh = createECDH(curve);
  ecdh.generateKeys();
  return ecdh;
}

/**
 * Agrees on a secret with the peer's point. Only uncompressed points are accepted, as by OpenSSH; OpenSSL checks that the point lies
 * on the curve. `curve` is the name in node:crypto. Our key is new, unless a test gives one.
 */
export function agreeEcdh(curve: string, peerPoint: Buffer, own: ECDH = newKey(curve)): EcdhAgreement {
  const point = own.getPublicKey();
  if (peerPoint[0] !== uncompressedMarker || peerPoint.byteLength !== point.byteLength) {
    throw keyExchangeFault('ECDH share is not an uncompressed point of the curve');
  }
  try {
    return { point, secret: own.computeSecret(peerPoint) };
  } catch {
    throw keyExchangeFault('ECDH share is not a point of the curve');
  }
}

/** ecdh-sha2-nistp256, -nistp384, -nistp521 (RFC 5656 section 4). */
export class EcdhRun implements KexRun {
  readonly #curve: string;

  /** `curve` is the name in node:crypto. */
  constructor(curve: string) {
    this.#curve = curve;
  }

  receive(type: number, payload: Buffer): KexAgreement {
    expectKexMessage(type, Message.kexEcdhInit);
    const reader = new WireReader(payload, 1);
    const clientPoint = reader.string(maxPointBytes);
    reader.end();
    const { point, secret } = agreeEcdh(this.#curve, clientPoint);
    const serverShare = encodeString(point);
    return {
      kind: 'agreed',
      replyType: Message.kexEcdhReply,
      serverShare,
      transcript: [encodeString(clientPoint), serverShare],
      secret: encodeMpint(secret),
    };
  }
}
