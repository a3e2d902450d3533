import { Message, messageKind } from '../wire/message-numbers.js';

/** How far the connection is, its key exchange aside. */
export type Phase =
  /** The first key exchange is not complete. */
  | 'firstExchange'
  /** The client has not requested the authentication service. */
  | 'service'
  /** The client is not logged in. */
  | 'login'
  | 'open';

/** Messages that a key exchange under way accepts. */
export type ExchangeInput =
  /** No key exchange, or only our KEXINIT was sent: the client may still have other messages in flight. */
  | 'any'
  /** The client's KEXINIT was received: messages of the method. */
  | 'method'
  /** The method is complete: NEWKEYS. */
  | 'newKeys';

/** The handler of a message; `refuse` ends the connection, `unimplemented` answers with SSH_MSG_UNIMPLEMENTED. */
export type Handling =
  | 'disconnect'
  | 'drop'
  | 'service'
  | 'extInfo'
  | 'exchange'
  | 'layer'
  | 'ping'
  | 'unimplemented'
  | 'refuse';

/** Messages that are legal at any time but in the first exchange (RFC 4253 section 11). */
const dropped: readonly number[] = [Message.ignore, Message.unimplemented, Message.debug];

function duringExchange(phase: Phase, input: 'method' | 'newKeys', type: number): Handling {
  if (dropped.includes(type)) return phase === 'firstExchange' ? 'refuse' : 'drop';
  const kind = messageKind(type);
  // RFC 4253 section 7.1 forbids them behind the client's KEXINIT. asyncssh up to 2.10 sends them, and sshd takes them.
  if (phase === 'open' && kind === 'connection') return 'layer';
  return kind === (input === 'method' ? 'kexMethod' : 'newKeys') ? 'exchange' : 'refuse';
}

/** Numbers that the server never receives, though they have a meaning. */
const serverOnly: readonly number[] = [
  Message.serviceAccept,
  Message.newCompress,
  Message.userauthFailure,
  Message.userauthSuccess,
  Message.userauthBanner,
  Message.pong,
];

function outsideExchange(phase: Phase, type: number): Handling {
  if (type === Message.kexInit) {
    // One key exchange before the login.
    return phase === 'firstExchange' || phase === 'open' ? 'exchange' : 'refuse';
  }
  if (phase === 'firstExchange' || serverOnly.includes(type)) return 'refuse';
  if (dropped.includes(type)) return 'drop';
  if (type === Message.serviceRequest) return phase === 'service' ? 'service' : 'refuse';
  if (type === Message.extInfo) return phase === 'service' ? 'extInfo' : 'refuse';
  if (type === Message.ping) return 'ping';
  switch (messageKind(type)) {
    case 'userauth':
      if (phase === 'login') return 'layer';
      // RFC 4252 section 5.1: a request after the login is ignored.
      return phase === 'open' && type === Message.userauthRequest ? 'drop' : 'refuse';
    case 'connection':
      return phase === 'open' ? 'layer' : 'refuse';
    case 'kexMethod':
    case 'newKeys':
    case 'kexInit':
      return 'refuse';
    case 'transport':
    case 'other':
      return 'unimplemented';
  }
}

/**
 * Returns how a message is handled. In the first key exchange nothing but its own messages is legal, for clients without strict
 * key exchange too: a message that an attacker inserts there would shift the sequence numbers (CVE-2023-48795).
 */
export function handlingOf(phase: Phase, input: ExchangeInput, type: number): Handling {
  if (type === Message.disconnect) return 'disconnect';
  return input === 'any' ? outsideExchange(phase, type) : duringExchange(phase, input, type);
}
