/** The public API for keys, certificates and revocation lists, without the server. */
export { type Certificate, parseCertificate } from './certificate.js';
export {
  convertPublicKeys,
  isPuttyKeyFile,
  isSsh2PublicKey,
  publicKeyOfPuttyFile,
} from './convert-public-key.js';
export { KeyError, type KeyProblem } from './key-error.js';
export { isKeyType, type KeyLine, parseKeyLine } from './key-line.js';
export { parseRevocationList } from './parse-revocation-list.js';
export { fingerprintOf, type PublicKey, type PublicKeyType, parsePublicKey } from './public-key.js';
export { RevocationList } from './revocation-list.js';
