/**
 * What the SSH transport does otherwise than the RFCs say or a gateway needs, put right from outside. Everything here looks
 * before it touches: with a transport that is built differently nothing is changed.
 */

/** The parts of one connection's protocol object that are touched. */
interface ProtocolParts {
  _onHandshakeComplete: (...negotiated: unknown[]) => void;
  readonly _kex: { remoteExtInfoEnabled: boolean };
  readonly _kexinit: unknown;
  readonly _cipher: { encrypt(packet: Buffer): void };
  readonly _packetRW: {
    readonly write: {
      readonly allocStart: number;
      alloc(payloadBytes: number): Buffer;
      finalize(packet: Buffer): Buffer;
    };
  };
}

function protocolOf(client: object): ProtocolParts | null {
  const protocol: unknown = Reflect.get(client, '_protocol');
  if (typeof protocol !== 'object' || protocol === null) return null;
  const parts = protocol as Partial<ProtocolParts>;
  const isKnown =
    typeof parts._onHandshakeComplete === 'function' &&
    typeof parts._packetRW?.write?.alloc === 'function' &&
    typeof parts._packetRW.write.finalize === 'function';
  return isKnown ? (parts as ProtocolParts) : null;
}

function string(text: string): Buffer {
  const bytes = Buffer.alloc(4 + text.length);
  bytes.writeUInt32BE(text.length);
  bytes.write(text, 4, 'latin1');
  return bytes;
}

const messageExtInfo = 7;

/**
 * SSH_MSG_EXT_INFO with `server-sig-algs` (RFC 8308 section 3.1). The transport's own has a comma too few, so that clients
 * do not see rsa-sha2-512, and promises ssh-rsa and ssh-dss, which are not taken. To be called before the key exchange.
 */
export function announceSignatureAlgorithms(client: object, algorithms: readonly string[]): void {
  const protocol = protocolOf(client);
  if (protocol === null) return;
  const original = protocol._onHandshakeComplete;
  let isFirst = true;
  protocol._onHandshakeComplete = (...negotiated) => {
    const wanted = isFirst && protocol._kex?.remoteExtInfoEnabled === true;
    isFirst = false;
    if (wanted) protocol._kex.remoteExtInfoEnabled = false;
    original.apply(protocol, negotiated);
    if (wanted && protocol._kexinit === undefined) sendExtInfo(protocol, algorithms);
  };
}

function sendExtInfo(protocol: ProtocolParts, algorithms: readonly string[]): void {
  const payload = Buffer.concat([
    Buffer.from([messageExtInfo, 0, 0, 0, 1]),
    string('server-sig-algs'),
    string(algorithms.join(',')),
  ]);
  const { write } = protocol._packetRW;
  const packet = write.alloc(payload.byteLength);
  packet.set(payload, write.allocStart);
  protocol._cipher.encrypt(write.finalize(packet));
}

/**
 * An RSA host key as the transport has to be given it so that it signs with SHA-2 only: for a key of type `ssh-rsa` it always
 * offers SHA-1 too (RFC 8332 section 2). `parsed` is a key as the transport parses it; the others are it under other names.
 */
export function withoutSha1<K extends object>(parsed: K): readonly K[] {
  if (Reflect.get(parsed, 'type') !== 'ssh-rsa') return [parsed];
  return ['rsa-sha2-512', 'rsa-sha2-256'].map(
    (type): K => Object.create(parsed, { type: { value: type, enumerable: true } }),
  );
}
