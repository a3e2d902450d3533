/** The public API of the SSH server. */
export { CidrList } from './addresses/cidr-list.js';
export { formatIpAddress, parseIpAddress } from './addresses/ip-address.js';
export { parseSource, sourceOf } from './addresses/source.js';
export type { AlgorithmOffer, NegotiatedAlgorithms } from './algorithms/negotiate.js';
export { type AlgorithmNames, supportedAlgorithms } from './algorithms/supported.js';
export type { Refusal } from './auth/auth-events.js';
export type {
  Authenticator,
  CredentialDecision,
  Dialogue,
  KeyGrant,
  Login,
  MethodName,
  Prompt,
  PromptRound,
  UsedKey,
  UserAuthentication,
  UserKey,
} from './auth/authenticator.js';
export { type AuthLimits, defaultAuthLimits } from './auth/limits.js';
export { hasNativeProtection } from './cipher/native.js';
export { type ConnectionLimits, defaultConnectionLimits } from './connection/limits.js';
export type { SessionRequest, SshChannel, SshChannelEvents } from './connection/ssh-channel.js';
export { type HostKey, hostKeyOf, parseHostKey } from './host-keys/host-key.js';
export { type Certificate, parseCertificate } from './keys/certificate.js';
export {
  convertPublicKeys,
  isPuttyKeyFile,
  isSsh2PublicKey,
  publicKeyOfPuttyFile,
} from './keys/convert-public-key.js';
export { KeyError, type KeyProblem } from './keys/key-error.js';
export { type KeyLine, parseKeyLine } from './keys/key-line.js';
export { parseRevocationList } from './keys/parse-revocation-list.js';
export { fingerprintOf, type PublicKey, parsePublicKey } from './keys/public-key.js';
export { RevocationList } from './keys/revocation-list.js';
export type { SessionLogin, SessionRefusal, SessionSlots } from './server/admission.js';
export { defaultServerLimits, type ServerLimits } from './server/limits.js';
export type {
  FailedConnection,
  SshServerLimits,
  SshServerOptions,
} from './server/server-options.js';
export { SessionTimers } from './server/session-timers.js';
export type { SshConnection } from './server/ssh-connection.js';
export { type Peer, SshServer } from './server/ssh-server.js';
export { type Clock, systemClock, type Timer } from './transport/clock.js';
export type { TransportLog } from './transport/events.js';
export type { SlabPool } from './transport/layer.js';
export { defaultTransportLimits, type TransportLimits } from './transport/limits.js';
export { ReusingSlabPool } from './transport/slabs.js';
