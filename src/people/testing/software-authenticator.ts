import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

/** Options of a browser for `create` and `get`, as far as the authenticator uses them. */
interface Options {
  readonly challenge: string;
}

/** The faults that a test may choose. */
export interface Deviations {
  readonly origin?: string;
  readonly rpId?: string;
  readonly challenge?: string;
  readonly userVerified?: boolean;
  /** Answers with the counter of an earlier answer, as a copy of the authenticator would. */
  readonly counter?: number;
}

/** An authenticator in software with one ES256 credential (WebAuthn level 3, sections 6.1 and 6.5.4). */
export class SoftwareAuthenticator {
  readonly id = randomBytes(32);
  readonly #origin: string;
  readonly #keys: { readonly publicKey: KeyObject; readonly privateKey: KeyObject };
  #counter = 0;

  constructor(origin: string) {
    this.#origin = origin;
    this.#keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  }

  /** Returns what `navigator.credentials.create(...).toJSON()` returns. */
  create(options: Options, wrong: Deviations = {}) {
    const clientData = this.#clientData('webauthn.create', options, wrong);
    const { x = '', y = '' } = this.#keys.publicKey.export({ format: 'jwk' });
    // RFC 9053 section 7.1: kty EC2, alg ES256, crv P-256.
    const cose = Buffer.concat([
      Buffer.from('a5010203262001215820', 'hex'),
      Buffer.from(x, 'base64url'),
      Buffer.from('225820', 'hex'),
      Buffer.from(y, 'base64url'),
    ]);
    const idLength = Buffer.alloc(2);
    idLength.writeUInt16BE(this.id.length);
    const attested = Buffer.concat([Buffer.alloc(16), idLength, this.id, cose]);
    const authData = Buffer.concat([this.#authData(0x40, wrong), attested]);
    const length = Buffer.alloc(2);
    length.writeUInt16BE(authData.length);
    // CBOR: {fmt: "none", attStmt: {}, authData: bytes}
    const attestation = Buffer.concat([
      Buffer.from('a363666d74646e6f6e656761747453746d74a0686175746844617461', 'hex'),
      Buffer.from([0x59]),
      length,
      authData,
    ]);
    return this.#credential({
      clientDataJSON: clientData.toString('base64url'),
      attestationObject: attestation.toString('base64url'),
      transports: ['internal'],
    });
  }

  /** Returns what `navigator.credentials.get(...).toJSON()` returns. */
  get(options: Options, wrong: Deviations = {}) {
    this.#counter += 1;
    const clientData = this.#clientData('webauthn.get', options, wrong);
    const authData = this.#authData(0, wrong);
    const signed = Buffer.concat([authData, createHash('sha256').update(clientData).digest()]);
    return this.#credential({
      clientDataJSON: clientData.toString('base64url'),
      authenticatorData: authData.toString('base64url'),
      signature: sign('sha256', signed, this.#keys.privateKey).toString('base64url'),
    });
  }

  #credential<T>(response: T) {
    const id = this.id.toString('base64url');
    return { id, rawId: id, type: 'public-key', clientExtensionResults: {}, response };
  }

  #clientData(type: string, { challenge }: Options, wrong: Deviations): Buffer {
    const origin = wrong.origin ?? this.#origin;
    return Buffer.from(
      JSON.stringify({ type, challenge: wrong.challenge ?? challenge, origin, crossOrigin: false }),
    );
  }

  #authData(more: number, { rpId, userVerified = true, counter }: Deviations): Buffer {
    const head = createHash('sha256')
      .update(rpId ?? new URL(this.#origin).hostname)
      .digest();
    const tail = Buffer.alloc(5);
    tail.writeUInt8(0x01 | (userVerified ? 0x04 : 0) | more);
    tail.writeUInt32BE(counter ?? this.#counter, 1);
    return Buffer.concat([head, tail]);
  }
}
