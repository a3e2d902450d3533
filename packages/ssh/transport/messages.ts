import { Message } from '../wire/message-numbers.js';
import { WireReader } from '../wire/reader.js';
import { WireWriter } from '../wire/writer.js';

const maxTextBytes = 1024;

/** Returns the payload of SSH_MSG_DISCONNECT (RFC 4253 section 11.1). Longer text is cut. */
export function disconnectMessage(reason: number, text: string): Buffer {
  const shown = Buffer.from(text).subarray(0, maxTextBytes);
  return new WireWriter(shown.byteLength + 16)
    .u8(Message.disconnect)
    .u32(reason)
    .string(shown)
    .string('')
    .finish();
}

/** Reads SSH_MSG_DISCONNECT. The text may hold anything: it is for logs that escape it. */
export function readDisconnect(payload: Buffer): { readonly reason: number; readonly text: string } {
  const reader = new WireReader(payload, 1);
  const reason = reader.u32();
  const text = reader.string().subarray(0, maxTextBytes).toString('utf8');
  return { reason, text };
}

/** Returns the payload of SSH_MSG_UNIMPLEMENTED for the packet with that sequence number (RFC 4253 section 11.4). */
export function unimplementedMessage(sequence: number): Buffer {
  return new WireWriter(5)
    .u8(Message.unimplemented)
    .u32(sequence >>> 0)
    .finish();
}

/** Reads the name in SSH_MSG_SERVICE_REQUEST (RFC 4253 section 10). */
export function readServiceRequest(payload: Buffer): string {
  const reader = new WireReader(payload, 1);
  const service = reader.name();
  reader.end();
  return service;
}

/** Returns the payload of SSH_MSG_SERVICE_ACCEPT. */
export function serviceAcceptMessage(service: string): Buffer {
  return new WireWriter(32).u8(Message.serviceAccept).string(service).finish();
}
