import type { KeyTerms, OfferedKey } from '../../model/users/logins.js';
import type { AuthorizedKey, AuthorizedKeys } from '../authorized-keys.js';

/** The keys that may open an account. */
export interface KnownKeys {
  /** The lines of the user's authorized_keys. */
  readonly own: AuthorizedKeys;
  /** The certificate authorities of all users. */
  readonly authorities: AuthorizedKeys;
}

/** A line that has the offered key, but does not allow it now. */
export interface LineRefusal {
  readonly line: number;
  readonly reason: string;
}

/** The result of a search: the terms, or null with the reasons of the lines that have the key. */
export interface KeySearch {
  readonly terms: KeyTerms | null;
  readonly refusals: readonly LineRefusal[];
}

/** The attempt for which a key is searched. */
export interface KeyUse {
  readonly username: string;
  readonly address: string;
  readonly nowMs: number;
}

/** Searches the terms on which a key may open an account, as sshd(8) does. */
export function searchKey(key: OfferedKey, { own, authorities }: KnownKeys, use: KeyUse): KeySearch {
  const refusals: LineRefusal[] = [];
  const usable = (lines: AuthorizedKeys, fingerprint: string, isAuthority: boolean): KeyTerms[] =>
    (lines.byFingerprint.get(fingerprint) ?? [])
      .filter((line) => line.isAuthority === isAuthority)
      .filter((line) => {
        const reason = refusalOf(line, use);
        if (reason !== null) refusals.push({ line: line.line, reason });
        return reason === null;
      })
      .map(termsOf);
  if (key.kind === 'plain') {
    return { terms: usable(own, key.fingerprint, false)[0] ?? null, refusals };
  }
  const ca = key.signatureKey.fingerprint;
  // An authority of all users decides by the certificate's extension whether a touch is needed.
  const global = usable(authorities, ca, true).map((terms) => ({ ...terms, touchOptional: true }));
  const candidates = [...global, ...usable(own, ca, true)];
  // The caller checks the principals. Of several lines for one authority, the one that accepts them counts.
  const accepting = candidates.find(({ principals = [use.username] }) =>
    principals.some((principal) => key.principals.includes(principal)),
  );
  return { terms: accepting ?? candidates[0] ?? null, refusals };
}

/** Returns why a line does not allow its key now; null if it does. */
export function refusalOf({ expiresMs, from }: AuthorizedKey, { address, nowMs }: KeyUse): string | null {
  if (expiresMs !== null && nowMs >= expiresMs) return 'its expiry-time has passed';
  if (from !== null && !from.match(address)) return `from= does not allow ${address}`;
  return null;
}

function termsOf({ principals, touchOptional, verificationRequired }: AuthorizedKey): KeyTerms {
  return { touchOptional, verificationRequired, ...(principals === null ? {} : { principals }) };
}
