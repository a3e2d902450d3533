import { readFileSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import type * as Ssh2 from 'ssh2';

export type {
  AcceptConnection,
  AuthContext,
  CipherAlgorithm,
  ClientInfo,
  Connection,
  ParsedKey,
  PublicKeyAuthContext,
  Server,
  ServerChannel,
  Session,
} from 'ssh2';

/** ssh2's native ciphers: in use, not built, or built in a way that would end the process. */
export type NativeCrypto = 'loaded' | 'missing' | 'unsafe';

const require = createRequire(import.meta.url);
const addOn = 'ssh2/lib/protocol/crypto/build/Release/sshcrypto.node';

/**
 * What node::ObjectWrap's destructor calls in the headers of Node 24.19 and later. It wants a context, which the garbage
 * collector does not have, and aborts the process when it frees the cipher of a connection that has ended
 * (nodejs/node issue 65446, mscdex/ssh2 issue 1511).
 */
const abortingCall = 'RemoveEnvironmentCleanupHook';

/**
 * Sees to it that a native add-on which the garbage collector could abort on is not loaded: `require` of it gives null from then
 * on, as if it had nothing to offer. `path` is what `require.resolve` says of it.
 * True when it was kept out. Throws the system's error when the file cannot be read.
 */
export function disableUnsafe(path: string): boolean {
  if (!readFileSync(path).includes(abortingCall)) return false;
  const nothing = new Module(path);
  nothing.exports = null;
  nothing.loaded = true;
  require.cache[path] = nothing;
  return true;
}

function disableUnsafeCiphers(): boolean {
  try {
    return disableUnsafe(require.resolve(addOn));
  } catch {
    return false;
  }
}

// ssh2 loads its add-on with itself: what is to be kept out has to be so before. An import would come first.
const isUnsafe = disableUnsafeCiphers();

/** The SSH library. */
export const ssh2 = require('ssh2') as typeof Ssh2;

/** Without them every transfer costs two to three times the CPU. */
export const nativeCrypto: NativeCrypto = isUnsafe ? 'unsafe' : hasBinding() ? 'loaded' : 'missing';

function hasBinding(): boolean {
  const crypto: unknown = require('ssh2/lib/protocol/crypto.js');
  return (crypto as { readonly bindingAvailable?: unknown }).bindingAvailable === true;
}
