import { getDiffieHellman } from 'node:crypto';

/** A safe prime with the generator 2. */
export interface DhGroup {
  /** Name in node:crypto. */
  readonly name: string;
  readonly bits: number;
}

/**
 * The groups 14, 15 and 16 of RFC 3526, in ascending order of size. Larger groups cost an unauthenticated peer nothing and the
 * server up to 24 ms of CPU time for each exchange; 4096 bits give about 150 bits of security (RFC 3526 section 8).
 */
export const safePrimes: readonly DhGroup[] = [
  { name: 'modp14', bits: 2048 },
  { name: 'modp15', bits: 3072 },
  { name: 'modp16', bits: 4096 },
];

/** Sizes in bits that a client asks for (RFC 4419 section 3). */
export interface GroupRequest {
  readonly minBits: number;
  readonly preferredBits: number;
  readonly maxBits: number;
}

/**
 * Returns the smallest group that has the preferred size or more; failing that, the largest one within the client's bounds. Returns
 * null when no group lies within the bounds.
 */
export function chooseGroup({ minBits, preferredBits, maxBits }: GroupRequest): DhGroup | null {
  const within = safePrimes.filter(({ bits }) => bits >= minBits && bits <= maxBits);
  return within.find(({ bits }) => bits >= preferredBits) ?? within.at(-1) ?? null;
}

/** Returns the prime of a group, big-endian. */
export function primeOf(group: DhGroup): Buffer {
  return getDiffieHellman(group.name).getPrime();
}
