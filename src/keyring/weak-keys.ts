import type { CustomerKey, KeyFingerprint } from '../model/customer-key.js';
import { Fault } from '../model/fault.js';

/** Why a key protects nothing or little. The text completes "the key ...". */
export interface KeyWeakness {
  /** `example`: the key is published. `guessable`: the bytes follow a rule. */
  readonly kind: 'example' | 'guessable';
  readonly text: string;
}

/** Fingerprints of keys that documentation and test suites print, with their source. */
const examples: ReadonlyMap<string, string> = new Map([
  ['661490c100dee07c0137346cc1c0567c', 'the documentation of SFTP Gateway'],
  ['542c1ee58add8234d5f401a5fb35fd64', 'the examples of S3 and the test suite of Ceph'],
  ['5c540ca5434b1d55e7ced46b47423df8', 'the documentation of Huawei OBS'],
]);

/** The user of the documentation's own walk-through, who may use its key. */
const walkThroughUser = 'testuser';

/** A random key has about 30 different bytes; fewer than 16 do not occur by chance. */
const minDistinctBytes = 16;

/** Returns the weakness of a key, or null. */
export function weaknessOf(key: CustomerKey): KeyWeakness | null {
  const source = examples.get(key.fingerprint);
  if (source !== undefined) return { kind: 'example', text: `is the example key of ${source}` };
  const bytes = key.reveal();
  const rule = ruleOf(bytes);
  bytes.fill(0);
  return rule === null ? null : { kind: 'guessable', text: `can be guessed: ${rule}` };
}

/** Returns the rule that the bytes follow, or null. */
function ruleOf(bytes: Uint8Array): string | null {
  const distinct = new Set(bytes).size;
  if (distinct === 1) return 'all its bytes are equal';
  if (distinct < minDistinctBytes) return `it has only ${distinct} different bytes`;
  const step = ((bytes[1] ?? 0) - (bytes[0] ?? 0) + 256) % 256;
  if (bytes.every((byte, index) => index === 0 || (byte - (bytes[index - 1] ?? 0) + 256) % 256 === step))
    return 'its bytes are a sequence';
  // The chance that 32 random bytes are all printable is one in ten billion.
  if (bytes.every((byte) => byte >= 0x20 && byte < 0x7f)) return 'its bytes are text';
  return null;
}

/** The user of a new key, and whether example keys are allowed. */
export interface KeyUse {
  /** Null if no user is known. */
  readonly username: string | null;
  readonly allowsExample: boolean;
}

/**
 * Returns a warning about a weak key, or null. Throws `invalid` for an example key, unless it is allowed or
 * the user is the one of the documentation's walk-through.
 */
export function checkNewKey(key: CustomerKey, { username, allowsExample }: KeyUse): string | null {
  const weakness = weaknessOf(key);
  if (weakness === null) return null;
  if (weakness.kind === 'example' && !allowsExample && username !== walkThroughUser)
    throw new Fault(
      'invalid',
      `the key ${weakness.text}, which anyone can know; generate one (sftpgw key generate), or add --allow-example-key`,
    );
  return weakKeyWarning(key.fingerprint, weakness);
}

function weakKeyWarning(id: KeyFingerprint, { text }: KeyWeakness): string {
  return `The key ${id} ${text}. Files are not protected by it; generate a key instead: sftpgw key generate.`;
}
