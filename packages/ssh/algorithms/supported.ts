import { signatureAlgorithms } from '../keys/signature-algorithms.js';
import { cipherAlgorithms } from './ciphers.js';
import { hostKeyAlgorithms } from './host-key-algorithms.js';
import { kexAlgorithms } from './kex-methods.js';
import { macAlgorithms } from './macs.js';

/** The names of algorithms by use, the preferred first. */
export interface AlgorithmNames {
  readonly keyExchange: readonly string[];
  readonly hostKey: readonly string[];
  /** Signatures of users' keys and certificates. */
  readonly publicKey: readonly string[];
  readonly cipher: readonly string[];
  readonly mac: readonly string[];
}

/** Everything that the server offers. The host key algorithms in use depend on its host keys. */
export const supportedAlgorithms: AlgorithmNames = {
  keyExchange: kexAlgorithms.map(({ name }) => name),
  hostKey: hostKeyAlgorithms.map(({ name }) => name),
  publicKey: [...signatureAlgorithms.keys()],
  cipher: cipherAlgorithms.map(({ name }) => name),
  mac: macAlgorithms.map(({ name }) => name),
};
