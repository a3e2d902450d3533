import { WireReader } from '../wire/reader.js';
import { maxNameBytes } from './channel-open.js';
import type { SessionRequest } from './ssh-channel.js';

/** Max length of the command of an `exec`. The application gets commands of scp only, which contain one path. */
const maxCommandBytes = 64 * 1024;

/** The decision about one SSH_MSG_CHANNEL_REQUEST (RFC 4254 section 6). */
export type RequestDecision =
  /** CHANNEL_SUCCESS, and nothing happens. */
  | { readonly kind: 'ignore' }
  /** CHANNEL_FAILURE. */
  | { readonly kind: 'fail' }
  /** CHANNEL_SUCCESS, then a text on stderr and the end, so that the client shows the cause. */
  | { readonly kind: 'explain' }
  | { readonly kind: 'serve'; readonly request: SessionRequest };

const ignore: RequestDecision = { kind: 'ignore' };
const fail: RequestDecision = { kind: 'fail' };
const explain: RequestDecision = { kind: 'explain' };

/** The command `scp` with arguments, with or without a path. */
const scpCommand = /^(?:[\w./-]*\/)?scp\s/;

/**
 * The requests that do not fail. A terminal is accepted, since a client that asks for one first would otherwise complain about that
 * and not about the refused shell. `env`, `x11-req`, agent forwarding and all others fail.
 */
const requestTable: Readonly<Record<string, (reader: WireReader) => RequestDecision>> = {
  'pty-req': () => ignore,
  'window-change': () => ignore,
  signal: () => ignore,
  shell: () => explain,
  exec: (reader) => {
    const command = reader.string(maxCommandBytes).toString('utf8');
    reader.end();
    return scpCommand.test(command) ? { kind: 'serve', request: { kind: 'exec', command } } : explain;
  },
  subsystem: (reader) => {
    const name = reader.string(maxNameBytes).toString('latin1');
    reader.end();
    return name === 'sftp' ? { kind: 'serve', request: { kind: 'subsystem', name } } : fail;
  },
};

export interface ChannelRequest {
  readonly wantsReply: boolean;
  readonly decision: RequestDecision;
}

/** Parses SSH_MSG_CHANNEL_REQUEST behind its channel number and decides about it. */
export function parseChannelRequest(payload: Buffer): ChannelRequest {
  const reader = new WireReader(payload, 5);
  const type = reader.name(maxNameBytes);
  const wantsReply = reader.boolean();
  const decide = Object.hasOwn(requestTable, type) ? requestTable[type] : undefined;
  return { wantsReply, decision: decide === undefined ? fail : decide(reader) };
}
