import { createHash } from 'node:crypto';
import { bech32 } from '@scure/base';
import { combine, split } from 'shamir-secret-sharing';
import type { Entropy } from '../model/call.js';
import { Fault } from '../model/fault.js';

// An X25519 identity of age is 32 bytes in BIP 173 (https://age-encryption.org/v1, "X25519 recipient stanza").
const identityPrefix = 'age-secret-key-';
const identityBytes = 32;

/**
 * The prefix of a share. A share is one BIP 173 word, like an age key: its checksum detects up to four wrong
 * letters among 90. Its bytes are: 4 of the set (random at each split), 4 of a digest of the identity, the
 * threshold, the number of shares, the number of this share, and the output of `shamir-secret-sharing`: one
 * byte per byte of the identity, and the coordinate.
 */
const sharePrefix = 'sftpgw-share';
const setBytes = 4;
const digestBytes = 4;
const headBytes = setBytes + digestBytes + 3;
const shareBytes = headBytes + identityBytes + 1;
const maxShareLength = 90;

/** Maximum number of shares of an identity. */
export const maxShares = 255;

/** The number of shares, and how many of them recover the identity. */
export interface ShareCounts {
  readonly shares: number;
  readonly threshold: number;
}

/** One share of an identity. */
export interface Share extends ShareCounts {
  /** The id of the split that created it: 8 hexadecimal digits. */
  readonly set: string;
  /** From 1 to `shares`. */
  readonly number: number;
  readonly text: string;
}

/**
 * Splits an age identity (`AGE-SECRET-KEY-1...`) into shares. Any `threshold` of them recover it; fewer
 * reveal nothing about it. Throws `invalid` for text that is not an identity, or for counts out of range.
 */
export async function splitIdentity(
  identity: string,
  { shares, threshold }: ShareCounts,
  entropy: Entropy,
): Promise<readonly Share[]> {
  if (!Number.isInteger(shares) || shares < 2 || shares > maxShares) {
    throw new Fault('invalid', `the number of shares must be from 2 to ${maxShares}`);
  }
  if (!Number.isInteger(threshold) || threshold < 2 || threshold > shares) {
    throw new Fault('invalid', `the threshold must be from 2 to the number of shares, ${shares}`);
  }
  const secret = secretOf(identity);
  const set = entropy.bytes(setBytes);
  const digest = digestOf(secret);
  const points = await split(secret, shares, threshold);
  secret.fill(0);
  return points.map((point, index) => {
    const bytes = Uint8Array.from([...set, ...digest, threshold, shares, index + 1, ...point]);
    const text = bech32.encode(sharePrefix, bech32.toWords(bytes), maxShareLength);
    return { set: hex(set), threshold, shares, number: index + 1, text };
  });
}

/** A line of a file or of stdin, with its location for faults. */
export interface ShareLine {
  readonly text: string;
  readonly where: string;
}

/**
 * Recovers the identity from lines with shares. Skips empty lines and comments (`#`). Throws `invalid`,
 * naming the line, for a share that is mistyped, of another set, or repeated. Also throws `invalid` for fewer
 * shares than the threshold, and `corrupt` if a share was forged.
 */
export async function joinShares(lines: readonly ShareLine[]): Promise<string> {
  const taken: ParsedShare[] = [];
  for (const { text, where } of lines) {
    const word = text.trim();
    if (word === '' || word.startsWith('#')) continue;
    const share = parseShare(word, where);
    const first = taken[0];
    if (first !== undefined && !isSameSet(first, share)) {
      throw new Fault(
        'invalid',
        `${where}: this share belongs to the set ${hex(share.set)}, but the previous ones to ${hex(first.set)}; use shares of one set`,
      );
    }
    if (taken.some(({ number }) => number === share.number)) {
      throw new Fault('invalid', `${where}: share ${share.number} is repeated; use another one`);
    }
    taken.push(share);
  }
  return combineShares(taken);
}

async function combineShares(taken: readonly ParsedShare[]): Promise<string> {
  const [first] = taken;
  if (first === undefined) throw new Fault('invalid', 'no share given: enter one share per line');
  const { threshold, shares } = first;
  if (taken.length < threshold) {
    throw new Fault('invalid', `not enough shares: ${taken.length} of ${shares} given, ${threshold} needed`);
  }
  const secret = await combinePoints(taken.map(({ point }) => point));
  if (!Buffer.from(digestOf(secret)).equals(first.digest)) {
    throw new Fault(
      'corrupt',
      'the shares do not recover the identity that was split: one of them was forged',
    );
  }
  const identity = bech32.encode(identityPrefix, bech32.toWords(secret)).toUpperCase();
  secret.fill(0);
  return identity;
}

async function combinePoints(points: readonly Uint8Array[]): Promise<Uint8Array> {
  try {
    return await combine([...points]);
  } catch (error) {
    // Two shares have the same coordinate, which no split produces.
    throw new Fault('corrupt', 'the shares contradict each other: one of them was forged', { cause: error });
  }
}

interface ParsedShare extends ShareCounts {
  readonly set: Buffer;
  readonly digest: Buffer;
  readonly number: number;
  readonly point: Uint8Array;
}

function parseShare(text: string, where: string): ParsedShare {
  let decoded: { readonly prefix: string; readonly words: number[] };
  try {
    decoded = bech32.decode(text as `${string}1${string}`, maxShareLength);
  } catch {
    // The fault has no cause, because the library's text may quote the share.
    throw new Fault('invalid', `${where}: the share is mistyped or incomplete: wrong checksum`);
  }
  if (decoded.prefix !== sharePrefix) {
    throw new Fault('invalid', `${where}: not a share: expected ${sharePrefix}1...`);
  }
  const bytes = Buffer.from(bytesOf(decoded.words, where));
  const [threshold = 0, shares = 0, number = 0] = bytes.subarray(setBytes + digestBytes, headBytes);
  if (
    bytes.byteLength !== shareBytes ||
    threshold < 2 ||
    threshold > shares ||
    number < 1 ||
    number > shares
  ) {
    throw new Fault('invalid', `${where}: this version does not know the format of this share`);
  }
  return {
    set: bytes.subarray(0, setBytes),
    digest: bytes.subarray(setBytes, setBytes + digestBytes),
    threshold,
    shares,
    number,
    // The library requires a plain Uint8Array.
    point: Uint8Array.from(bytes.subarray(headBytes)),
  };
}

function bytesOf(words: number[], where: string): Uint8Array {
  try {
    return bech32.fromWords(words);
  } catch {
    throw new Fault('invalid', `${where}: this version does not know the format of this share`);
  }
}

function isSameSet(a: ParsedShare, b: ParsedShare): boolean {
  return (
    a.set.equals(b.set) && a.digest.equals(b.digest) && a.threshold === b.threshold && a.shares === b.shares
  );
}

/** Returns the 32 bytes of an X25519 identity. Throws `invalid`, without quoting the text. */
export function secretOf(identity: string): Uint8Array {
  const trimmed = identity.trim();
  try {
    const { prefix, words } = bech32.decode(trimmed as `${string}1${string}`, maxShareLength);
    const secret = bech32.fromWords(words);
    // age writes identities in capitals. BIP 173 refuses mixed case.
    if (prefix === identityPrefix && secret.byteLength === identityBytes) return Uint8Array.from(secret);
  } catch {
    // The fault below covers this case too.
  }
  throw new Fault('invalid', 'not an age identity: expected one word, AGE-SECRET-KEY-1 and 58 more letters');
}

function digestOf(secret: Uint8Array): Uint8Array {
  // Four bytes are too few to reveal 32 random bytes, and enough to detect a wrong result.
  return createHash('sha256')
    .update('sftpgw shared identity v1\0')
    .update(secret)
    .digest()
    .subarray(0, digestBytes);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
