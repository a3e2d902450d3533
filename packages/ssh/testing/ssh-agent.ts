import { createServer, type Server, type Socket } from 'node:net';
import { WireReader } from '../wire/reader.js';
import { encodeString, WireWriter } from '../wire/writer.js';
import type { FidoState, TestUserKey } from './user-keys.js';

/** A key of a `TestAgent`. */
export interface AgentKey {
  readonly key: TestUserKey;
  /** The certificate; the key itself when absent. */
  readonly blob?: Buffer;
  /** The flags and the counter in signatures of a FIDO key. */
  readonly fido?: FidoState;
}

const requestIdentities = 11;
const identitiesAnswer = 12;
const signRequest = 13;
const signResponse = 14;
const failure = 5;

/** An ssh-agent for OpenSSH's client (draft-ietf-sshm-ssh-agent). Its FIDO keys need no authenticator. */
export class TestAgent {
  readonly #keys: readonly AgentKey[];
  readonly #server: Server;

  constructor(keys: readonly AgentKey[]) {
    this.#keys = keys;
    this.#server = createServer((socket) => this.#serve(socket));
  }

  /** Listens on a Unix socket. */
  listen(path: string): Promise<void> {
    return new Promise((resolve) => this.#server.listen(path, resolve));
  }

  close(): void {
    this.#server.close();
  }

  #serve(socket: Socket): void {
    let received: Buffer = Buffer.alloc(0);
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      while (received.length >= 4 && received.length >= 4 + received.readUInt32BE(0)) {
        const end = 4 + received.readUInt32BE(0);
        socket.write(encodeString(this.#answer(received.subarray(4, end))));
        received = received.subarray(end);
      }
    });
  }

  #answer(message: Buffer): Buffer {
    const reader = new WireReader(message);
    const type = reader.u8();
    if (type === requestIdentities) {
      const writer = new WireWriter().u8(identitiesAnswer).u32(this.#keys.length);
      for (const { key, blob = key.blob } of this.#keys) writer.string(blob).string(key.type);
      return writer.finish();
    }
    if (type !== signRequest) return Buffer.of(failure);
    const blob = reader.string();
    const data = reader.string();
    const flags = reader.u32();
    const found = this.#keys.find(({ key, blob: own = key.blob }) => own.equals(blob));
    if (found === undefined) return Buffer.of(failure);
    const { key, fido } = found;
    const algorithm =
      key.type !== 'ssh-rsa'
        ? key.type
        : flags === 4
          ? 'rsa-sha2-512'
          : flags === 2
            ? 'rsa-sha2-256'
            : 'ssh-rsa';
    return new WireWriter()
      .u8(signResponse)
      .string(key.sign(data, algorithm, fido))
      .finish();
  }
}
