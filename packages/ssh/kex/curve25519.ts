import { keyExchangeFault } from '../wire/fault.js';
import { Message } from '../wire/message-numbers.js';
import { WireReader } from '../wire/reader.js';
import { encodeMpint, encodeString } from '../wire/writer.js';
import { expectKexMessage, type KexAgreement, type KexRun } from './method.js';
import { agreeX25519, x25519Bytes } from './x25519.js';

/** curve25519-sha256 (RFC 8731). */
export class Curve25519Run implements KexRun {
  receive(type: number, payload: Buffer): KexAgreement {
    expectKexMessage(type, Message.kexEcdhInit);
    const reader = new WireReader(payload, 1);
    const clientShare = reader.string(x25519Bytes);
    reader.end();
    if (clientShare.byteLength !== x25519Bytes) throw keyExchangeFault('X25519 share has the wrong length');
    const { share, secret } = agreeX25519(clientShare);
    const serverShare = encodeString(share);
    return {
      kind: 'agreed',
      replyType: Message.kexEcdhReply,
      serverShare,
      transcript: [encodeString(clientShare), serverShare],
      secret: encodeMpint(secret),
    };
  }
}
