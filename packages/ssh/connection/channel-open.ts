import { Message } from '../wire/message-numbers.js';
import { WireReader } from '../wire/reader.js';
import { WireWriter } from '../wire/writer.js';

/** Reason codes of SSH_MSG_CHANNEL_OPEN_FAILURE (RFC 4254 section 5.1). */
export const OpenFailure = {
  administrativelyProhibited: 1,
  connectFailed: 2,
  unknownChannelType: 3,
  resourceShortage: 4,
} as const;

export type OpenFailureReason = (typeof OpenFailure)[keyof typeof OpenFailure];

/** Max length of the name of a channel type, a request or a subsystem (RFC 4250 section 4.6.1). */
export const maxNameBytes = 64;

/** The common part of SSH_MSG_CHANNEL_OPEN. */
export interface ChannelOpen {
  readonly type: string;
  readonly peerNumber: number;
  readonly windowBytes: number;
  readonly packetBytes: number;
}

/** Channel types that the RFC or OpenSSH define and this server never opens. Other types are unknown to it. */
const prohibitedTypes: ReadonlySet<string> = new Set([
  'x11',
  'forwarded-tcpip',
  'direct-tcpip',
  'auth-agent@openssh.com',
  'direct-streamlocal@openssh.com',
  'forwarded-streamlocal@openssh.com',
  'tun@openssh.com',
]);

export function parseChannelOpen(payload: Buffer): ChannelOpen {
  const reader = new WireReader(payload, 1);
  return {
    type: reader.name(maxNameBytes),
    peerNumber: reader.u32(),
    windowBytes: reader.u32(),
    packetBytes: reader.u32(),
  };
}

export interface OpenRefusal {
  readonly reason: OpenFailureReason;
  readonly text: string;
}

/** Returns why a channel of this type is not opened, null for a session. */
export function refusalOfType(type: string): OpenRefusal | null {
  if (type === 'session') return null;
  return prohibitedTypes.has(type)
    ? { reason: OpenFailure.administrativelyProhibited, text: 'this server does not forward connections' }
    : { reason: OpenFailure.unknownChannelType, text: 'unknown channel type' };
}

export function encodeOpenConfirmation(
  peerNumber: number,
  number: number,
  windowBytes: number,
  packetBytes: number,
): Buffer {
  return new WireWriter(17)
    .u8(Message.channelOpenConfirmation)
    .u32(peerNumber)
    .u32(number)
    .u32(windowBytes)
    .u32(packetBytes)
    .finish();
}

export function encodeOpenFailure(peerNumber: number, { reason, text }: OpenRefusal): Buffer {
  return new WireWriter(64)
    .u8(Message.channelOpenFailure)
    .u32(peerNumber)
    .u32(reason)
    .string(text)
    .string('')
    .finish();
}
