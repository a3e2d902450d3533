import { hostKeysRequest, proveRequest } from '../host-keys/prove.js';
import { Message } from '../wire/message-numbers.js';
import { WireReader } from '../wire/reader.js';
import { WireWriter } from '../wire/writer.js';
import { maxNameBytes } from './channel-open.js';

/** Our host keys, as the connection layer uses them (OpenSSH PROTOCOL 2.5). */
export interface HostKeyProofs {
  /** The data of `hostkeys-00@openssh.com`. Null for a client that fails on this request. */
  readonly announcement: Uint8Array | null;
  /** Returns the data of the answer to `hostkeys-prove-00@openssh.com`, null for a failure. `request` is at the first key. */
  prove(request: WireReader): Uint8Array | null;
}

/** SSH_MSG_GLOBAL_REQUEST without its data (RFC 4254 section 4). */
export interface GlobalRequest {
  readonly name: string;
  readonly wantsReply: boolean;
  readonly reader: WireReader;
}

export function parseGlobalRequest(payload: Buffer): GlobalRequest {
  const reader = new WireReader(payload, 1);
  return { name: reader.name(maxNameBytes), wantsReply: reader.boolean(), reader };
}

/**
 * The global requests of one connection: `hostkeys-prove-00@openssh.com` and `no-more-sessions@openssh.com` (OpenSSH PROTOCOL 2.5
 * and 2.2) succeed. All others fail, including forwards and keep-alives: the failure answers a keep-alive.
 */
export class GlobalRequests {
  readonly #hostKeys: HostKeyProofs;
  #proofsLeft: number;
  #allowsSessions = true;

  /** `maxProofs` bounds the requests that are proved: each costs a signature for each key. */
  constructor(hostKeys: HostKeyProofs, maxProofs: number) {
    this.#hostKeys = hostKeys;
    this.#proofsLeft = maxProofs;
  }

  /** False once the client has announced that it opens no more sessions. */
  get allowsSessions(): boolean {
    return this.#allowsSessions;
  }

  /** Returns the reply's payload, null if the client wants none. */
  answer({ name, wantsReply, reader }: GlobalRequest): Buffer | null {
    const isLastSession = name === 'no-more-sessions@openssh.com';
    if (isLastSession) this.#allowsSessions = false;
    if (!wantsReply) return null;
    if (isLastSession) return success;
    return name === proveRequest ? this.#prove(reader) : failure;
  }

  #prove(reader: WireReader): Buffer {
    this.#proofsLeft -= 1;
    const proofs = this.#proofsLeft < 0 ? null : this.#hostKeys.prove(reader);
    return proofs === null ? failure : Buffer.concat([success, proofs]);
  }
}

const success = Buffer.from([Message.requestSuccess]);
const failure = Buffer.from([Message.requestFailure]);

/** Returns `hostkeys-00@openssh.com`, which tells the client all host keys so that it can learn new ones. */
export function encodeHostKeys(announcement: Uint8Array): Buffer {
  return new WireWriter(announcement.byteLength + 64)
    .u8(Message.globalRequest)
    .string(hostKeysRequest)
    .boolean(false)
    .raw(announcement)
    .finish();
}

/** Returns `keepalive@openssh.com`. Every client answers it with a failure, because it does not know the request. */
export function encodeKeepAlive(): Buffer {
  return new WireWriter(32).u8(Message.globalRequest).string('keepalive@openssh.com').boolean(true).finish();
}
