import { createHash } from 'node:crypto';
import { bech32 } from '@scure/base';
import { combine, split } from 'shamir-secret-sharing';
import type { Entropy } from '../model/call.js';
import { Fault } from '../model/fault.js';

/** What an X25519 identity of age is written with: BIP 173, 32 bytes (https://age-encryption.org/v1, "X25519 recipient stanza"). */
const identityPrefix = 'age-secret-key-';
const identityBytes = 32;

/**
 * A share is one word in the same writing as an age key: the checksum of BIP 173 finds every four wrong letters within 90. Its bytes:
 * 4 of the set (drawn at each split), 4 of a digest of the identity, threshold, number of shares, number of this share, then what
 * `shamir-secret-sharing` makes: a byte for each of the identity and the coordinate.
 */
const sharePrefix = 'sftpgw-share';
const setBytes = 4;
const digestBytes = 4;
const headBytes = setBytes + digestBytes + 3;
const shareBytes = headBytes + identityBytes + 1;
const maxShareLength = 90;

export const maxShares = 255;

export interface ShareCounts {
  readonly shares: number;
  readonly threshold: number;
}

/** One share of an identity. */
export interface Share extends ShareCounts {
  /** Names the split that it comes from: 8 hexadecimal digits. */
  readonly set: string;
  /** 1 to `shares`. */
  readonly number: number;
  readonly text: string;
}

/**
 * Cuts an age identity (`AGE-SECRET-KEY-1...`) into shares, any `threshold` of which give it back while fewer say nothing about it.
 * Throws `invalid` for what is no such identity, or for counts that make no sense.
 */
export async function splitIdentity(
  identity: string,
  { shares, threshold }: ShareCounts,
  entropy: Entropy,
): Promise<readonly Share[]> {
  if (!Number.isInteger(shares) || shares < 2 || shares > maxShares) {
    throw new Fault('invalid', `the number of shares is from 2 to ${maxShares}`);
  }
  if (!Number.isInteger(threshold) || threshold < 2 || threshold > shares) {
    throw new Fault('invalid', `the threshold is from 2 to the number of shares, ${shares}`);
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

/** A line of a file or of stdin, and what to call it. */
export interface ShareLine {
  readonly text: string;
  readonly where: string;
}

/**
 * The identity that these lines are shares of. Empty lines and those that begin with `#` are passed over. Throws `invalid`, naming
 * the line, for a mistyped share, one of another set, or one that is there already; and when there are fewer than the threshold.
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
        `${where}: this share is of the set ${hex(share.set)}, the ones before it are of ${hex(first.set)}; shares of different sets do not fit together`,
      );
    }
    if (taken.some(({ number }) => number === share.number)) {
      throw new Fault('invalid', `${where}: share ${share.number} is there twice; take another one`);
    }
    taken.push(share);
  }
  return combineShares(taken);
}

async function combineShares(taken: readonly ParsedShare[]): Promise<string> {
  const [first] = taken;
  if (first === undefined) throw new Fault('invalid', 'no share was given: one share a line');
  const { threshold, shares } = first;
  if (taken.length < threshold) {
    throw new Fault(
      'invalid',
      `${taken.length} of the ${shares} shares ${taken.length === 1 ? 'is' : 'are'} given, and ${threshold} are needed`,
    );
  }
  const secret = await combinePoints(taken.map(({ point }) => point));
  if (!Buffer.from(digestOf(secret)).equals(first.digest)) {
    throw new Fault(
      'corrupt',
      'the shares fit together but do not give the identity that was split: one of them was forged',
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
    // Two numbers with one coordinate: no split makes that.
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
    // The library's text may hold the share.
    throw new Fault('invalid', `${where}: a share is mistyped or incomplete (its checksum is wrong)`);
  }
  if (decoded.prefix !== sharePrefix) {
    throw new Fault('invalid', `${where}: this is no share; one begins with ${sharePrefix}1`);
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
    throw new Fault('invalid', `${where}: this share is of another form than this version makes`);
  }
  return {
    set: bytes.subarray(0, setBytes),
    digest: bytes.subarray(setBytes, setBytes + digestBytes),
    threshold,
    shares,
    number,
    // The library asks for exactly this type.
    point: Uint8Array.from(bytes.subarray(headBytes)),
  };
}

function bytesOf(words: number[], where: string): Uint8Array {
  try {
    return bech32.fromWords(words);
  } catch {
    throw new Fault('invalid', `${where}: this share is of another form than this version makes`);
  }
}

function isSameSet(a: ParsedShare, b: ParsedShare): boolean {
  return (
    a.set.equals(b.set) && a.digest.equals(b.digest) && a.threshold === b.threshold && a.shares === b.shares
  );
}

/** The 32 bytes of an X25519 identity. Throws `invalid` without the text. */
export function secretOf(identity: string): Uint8Array {
  const trimmed = identity.trim();
  try {
    const { prefix, words } = bech32.decode(trimmed as `${string}1${string}`, maxShareLength);
    const secret = bech32.fromWords(words);
    // age writes identities in capitals; a mixture of cases is refused by BIP 173.
    if (prefix === identityPrefix && secret.byteLength === identityBytes) return Uint8Array.from(secret);
  } catch {
    // said below
  }
  throw new Fault(
    'invalid',
    'this is no identity of age: expected one word, AGE-SECRET-KEY-1 and 58 more letters',
  );
}

function digestOf(secret: Uint8Array): Uint8Array {
  // Short enough to say nothing of 32 random bytes, long enough to notice a wrong result.
  return createHash('sha256')
    .update('sftpgw shared identity v1\0')
    .update(secret)
    .digest()
    .subarray(0, digestBytes);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
