import { createHash, createPublicKey, encapsulate } from 'node:crypto';
import { keyExchangeFault } from '../wire/fault.js';
import { Message } from '../wire/message-numbers.js';
import { WireReader } from '../wire/reader.js';
import { encodeString } from '../wire/writer.js';
import { expectKexMessage, type KexAgreement, type KexRun } from './method.js';
import { agreeX25519, x25519Bytes } from './x25519.js';

/** Bytes of an ML-KEM-768 encapsulation key and of a ciphertext (FIPS 203 table 3). */
export const mlkemKeyBytes = 1184;
export const mlkemCiphertextBytes = 1088;

interface Encapsulation {
  readonly sharedKey: Buffer;
  readonly ciphertext: Buffer;
}

/** Encapsulates a new secret to a client's key. The import checks that every coefficient of the key lies below the modulus (FIPS 203 section 7.2). */
export function encapsulateFor(encapsulationKey: Buffer): Encapsulation {
  try {
    const key = createPublicKey({
      key: encapsulationKey,
      format: 'raw-public',
      asymmetricKeyType: 'ml-kem-768',
    });
    return encapsulate(key);
  } catch {
    throw keyExchangeFault('ML-KEM-768 encapsulation key is not valid');
  }
}

/**
 * mlkem768x25519-sha256 (draft-ietf-sshm-mlkem-hybrid-kex). The shared secret is the hash of both secrets, and enters the exchange
 * hash and the key derivation as a string, not as an mpint.
 */
export class MlkemRun implements KexRun {
  receive(type: number, payload: Buffer): KexAgreement {
    expectKexMessage(type, Message.kexEcdhInit);
    const reader = new WireReader(payload, 1);
    const clientInit = reader.string(mlkemKeyBytes + x25519Bytes);
    reader.end();
    if (clientInit.byteLength !== mlkemKeyBytes + x25519Bytes) {
      throw keyExchangeFault('ML-KEM-768 and X25519 share has the wrong length');
    }
    const { sharedKey, ciphertext } = encapsulateFor(clientInit.subarray(0, mlkemKeyBytes));
    const { share, secret } = agreeX25519(clientInit.subarray(mlkemKeyBytes));
    const serverShare = encodeString(Buffer.concat([ciphertext, share]));
    return {
      kind: 'agreed',
      replyType: Message.kexEcdhReply,
      serverShare,
      transcript: [encodeString(clientInit), serverShare],
      secret: encodeString(createHash('sha256').update(sharedKey).update(secret).digest()),
    };
  }
}
