/** Message numbers (RFC 4250 section 4.1.2, RFC 5656, RFC 4419, RFC 8308, OpenSSH PROTOCOL 1.9). */
export const Message = {
  disconnect: 1,
  ignore: 2,
  unimplemented: 3,
  debug: 4,
  serviceRequest: 5,
  serviceAccept: 6,
  extInfo: 7,
  newCompress: 8,
  kexInit: 20,
  newKeys: 21,
  /** SSH_MSG_KEXDH_INIT, SSH_MSG_KEX_ECDH_INIT, SSH_MSG_KEX_HYBRID_INIT. */
  kexEcdhInit: 30,
  /** SSH_MSG_KEXDH_REPLY, SSH_MSG_KEX_ECDH_REPLY, SSH_MSG_KEX_HYBRID_REPLY. */
  kexEcdhReply: 31,
  kexGexGroup: 31,
  kexGexInit: 32,
  kexGexReply: 33,
  kexGexRequest: 34,
  userauthRequest: 50,
  userauthFailure: 51,
  userauthSuccess: 52,
  userauthBanner: 53,
  userauthPkOk: 60,
  userauthPasswdChangereq: 60,
  userauthInfoRequest: 60,
  userauthInfoResponse: 61,
  globalRequest: 80,
  requestSuccess: 81,
  requestFailure: 82,
  channelOpen: 90,
  channelOpenConfirmation: 91,
  channelOpenFailure: 92,
  channelWindowAdjust: 93,
  channelData: 94,
  channelExtendedData: 95,
  channelEof: 96,
  channelClose: 97,
  channelRequest: 98,
  channelSuccess: 99,
  channelFailure: 100,
  ping: 192,
  pong: 193,
} as const;

/** The kind of a message by its number (RFC 4250 section 4.1.1). It decides in which states the message is legal. */
export type MessageKind =
  | 'transport'
  | 'kexInit'
  | 'newKeys'
  | 'kexMethod'
  | 'userauth'
  | 'connection'
  | 'other';

/** Returns the kind of a message number. */
export function messageKind(type: number): MessageKind {
  if (type === Message.kexInit) return 'kexInit';
  if (type === Message.newKeys) return 'newKeys';
  if (type >= 1 && type <= 19) return 'transport';
  if (type >= 30 && type <= 49) return 'kexMethod';
  if (type >= 50 && type <= 79) return 'userauth';
  if (type >= 80 && type <= 127) return 'connection';
  return 'other';
}
