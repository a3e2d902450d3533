import { maxCertificateBytes } from '../keys/certificate.js';
import { maxSignatureBytes } from '../keys/signature.js';
import { protocolFault } from '../wire/fault.js';
import { WireReader } from '../wire/reader.js';
import type { AuthLimits } from './limits.js';

/** Names of methods, services and algorithms are shorter. */
const maxNameBytes = 64;
const maxListBytes = 1024;
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The fields that every request has (RFC 4252 section 5). */
interface RequestBase {
  readonly username: string;
  readonly service: string;
}

/** A publickey request (RFC 4252 section 7). */
export interface PublicKeyRequest extends RequestBase {
  readonly method: 'publickey';
  readonly algorithm: string;
  readonly blob: Buffer;
  /** Null for a query. */
  readonly signature: Buffer | null;
  /** The part of the message that the signature covers, behind the session identifier. */
  readonly signedPart: Buffer;
}

/** A password request (RFC 4252 section 8). */
export interface PasswordRequest extends RequestBase {
  readonly method: 'password';
  /** Null for bytes that are not UTF-8. */
  readonly password: string | null;
  /** True if the request changes the password. This server refuses such requests. */
  readonly isChange: boolean;
}

/** A USERAUTH_REQUEST. Requests of unknown methods have a method of `other` and are refused. */
export type AuthRequest =
  | PublicKeyRequest
  | PasswordRequest
  | (RequestBase & { readonly method: 'none' | 'keyboard-interactive' | 'other' });

/** Reads a USERAUTH_REQUEST. The result has views of `payload`. Throws `ProtocolError` for malformed bytes. */
export function readAuthRequest(payload: Buffer, limits: AuthLimits): AuthRequest {
  const reader = new WireReader(payload, 1);
  const username = reader.text(limits.maxUsernameBytes);
  const service = reader.name(maxNameBytes);
  const method = reader.name(maxNameBytes);
  switch (method) {
    case 'none':
      reader.end();
      return { username, service, method };
    case 'publickey':
      return { username, service, method, ...readPublicKey(reader, payload) };
    case 'password':
      return { username, service, method, ...readPassword(reader, limits) };
    case 'keyboard-interactive':
      reader.string(maxListBytes); // Language tag, deprecated.
      reader.string(maxListBytes); // Submethods, hints that this server does not need.
      reader.end();
      return { username, service, method };
    default:
      return { username, service, method: 'other' };
  }
}

/** Reads the answers of an INFO_RESPONSE (RFC 4256 section 3.4). Returns null if their number is wrong or one is not UTF-8. */
export function readAnswers(payload: Buffer, expected: number, limits: AuthLimits): string[] | null {
  const reader = new WireReader(payload, 1);
  const count = reader.u32();
  if (count > maxListBytes) throw protocolFault(`${count} answers to ${expected} questions`);
  const answers: (string | null)[] = [];
  for (let at = 0; at < count; at++) answers.push(decode(reader.string(limits.maxPasswordBytes)));
  reader.end();
  if (count !== expected) return null;
  const texts = answers.filter((answer) => answer !== null);
  return texts.length === count ? texts : null;
}

function readPublicKey(reader: WireReader, payload: Buffer) {
  const isSigned = reader.boolean();
  const algorithm = reader.name(maxNameBytes);
  const blob = reader.string(maxCertificateBytes);
  const signedPart = payload.subarray(0, reader.offset);
  const signature = isSigned ? reader.string(maxSignatureBytes) : null;
  reader.end();
  return { algorithm, blob, signature, signedPart };
}

function readPassword(reader: WireReader, limits: AuthLimits) {
  const isChange = reader.boolean();
  const password = decode(reader.string(limits.maxPasswordBytes));
  if (isChange) reader.string(limits.maxPasswordBytes);
  reader.end();
  return { password, isChange };
}

function decode(bytes: Buffer): string | null {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return null;
  }
}
