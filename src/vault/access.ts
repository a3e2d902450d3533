import type { CustomerKey, KeyFingerprint } from '../model/customer-key.js';
import { noKey, type ReadAccess } from '../model/encryption.js';
import { Fault, isFault } from '../model/fault.js';
import type { KeyLedger, LedgerRow } from '../model/ledger.js';
import type { ObjectRef } from '../model/object-store.js';
import { accessWithKeys } from './sealed-with.js';

/** A result with the access that opened the object and the ledger rows of the object. */
export interface Opened<T> {
  readonly value: T;
  readonly access: ReadAccess;
  readonly candidates: readonly LedgerRow[];
}

/**
 * Opens an object with the key that fits. Tries the keys that the ledger rows name, the latest row first. If
 * none of them fits, because another client wrote the object, it tries no key and then each of `keys`.
 * Returns null if `attempt` does, which means that there is no object. Throws `key-missing` or
 * `key-mismatch`, naming the fingerprints tried.
 */
export async function openWithKeys<T>(
  ledger: KeyLedger,
  ref: ObjectRef,
  keys: readonly CustomerKey[],
  attempt: (access: ReadAccess) => Promise<T | null>,
): Promise<Opened<T> | null> {
  const candidates = await ledger.candidates(ref);
  const refusals: Fault[] = [];
  for (const access of likelyAccesses(candidates, keys)) {
    try {
      const value = await attempt(access);
      return value === null ? null : { value, access, candidates };
    } catch (error) {
      if (!isFault(error, 'key-missing', 'key-mismatch')) throw error;
      refusals.push(error);
    }
  }
  throw noKeyOpens(ref, keys, candidates, refusals);
}

/** Returns each way to open the object once, the likeliest first. */
function likelyAccesses(candidates: readonly LedgerRow[], keys: readonly CustomerKey[]): ReadAccess[] {
  const accesses: ReadAccess[] = [];
  const add = (access: ReadAccess | null) => {
    if (access !== null && !accesses.some((other) => sameAccess(other, access))) accesses.push(access);
  };
  for (const row of candidates) add(accessWithKeys(row.sealedWith, keys));
  add(noKey);
  for (const key of keys) add({ kind: 'sse-c', key });
  return accesses;
}

function sameAccess(a: ReadAccess, b: ReadAccess): boolean {
  if (a.kind === 'no-key' || b.kind === 'no-key') return a.kind === b.kind;
  return a.key.equals(b.key);
}

function noKeyOpens(
  ref: ObjectRef,
  keys: readonly CustomerKey[],
  candidates: readonly LedgerRow[],
  refusals: readonly Fault[],
): Fault {
  const named = candidates.flatMap((row): KeyFingerprint[] =>
    row.sealedWith.kind === 'sse-c' ? [row.sealedWith.fingerprint] : [],
  );
  const missing = named.filter((fingerprint) => !keys.some((key) => key.fingerprint === fingerprint));
  const ledgerNote =
    missing.length === 0 ? '' : `; the ledger names the key ${[...new Set(missing)].join(', ')}`;
  const cause = refusals.at(-1);
  if (keys.length === 0) {
    return new Fault(
      'key-missing',
      `the object ${ref.key} is encrypted with a customer key, and no key is available${ledgerNote}`,
      { cause },
    );
  }
  const tried = keys.map((key) => key.fingerprint).join(', ');
  return new Fault(
    'key-mismatch',
    `none of the available keys opens the object ${ref.key}: tried ${tried}${ledgerNote}`,
    { cause },
  );
}
