import { type AgeIdentity, unseal } from '../keyring/age.js';
import { parseKeyFileName, parseKeyRecord, recordFileName, sealedFileName } from '../keyring/key-record.js';
import type { Call } from '../model/call.js';
import { CustomerKey, customerKeyBytes, type KeyFingerprint } from '../model/customer-key.js';
import { isFault } from '../model/fault.js';
import type {
  Keyring,
  KeyringCustody,
  KeyState,
  SealedKeyring,
  SealedKeyringFile,
} from '../model/keyring.js';
import { keysPrefix } from './bucket-names.js';
import type { CopyBucket } from './copy-bucket.js';

/** The result of an import. */
export interface ImportedKeys {
  /** Number of the copy's keys that the keyring now opens. */
  readonly keys: number;
  /** One sentence per key of the copy that could not be imported. */
  readonly problems: readonly string[];
}

const parallelReads = 8;

/**
 * Imports the keys of the copy into the keyring, sealed to its own identity and its present recovery
 * recipients. Skips keys that the keyring already opens, so it can be repeated. Throws the faults of the
 * store and the keyring.
 */
export async function importKeys(
  call: Call,
  bucket: CopyBucket,
  identity: AgeIdentity,
  keyring: Keyring & KeyringCustody & SealedKeyring,
  onKey: (done: number, total: number) => void,
): Promise<ImportedKeys> {
  const names = await keysIn(call, bucket);
  const problems: string[] = [];
  const imported = new Set<KeyFingerprint>();
  const files: SealedKeyringFile[] = [];
  let done = 0;
  await inParallel([...names.sealed], async (id) => {
    if ((await openKeyOrNull(keyring, id)) === null) {
      const sealed = await fetchSealed(call, bucket, identity, id);
      if (typeof sealed === 'string') {
        problems.push(sealed);
        return;
      }
      files.push({ name: sealedFileName(id), bytes: sealed });
    }
    imported.add(id);
    onKey(++done, names.sealed.size);
  });
  await inParallel([...names.described], async (id) => {
    const record = await describe(call, bucket, id);
    // A destroyed key has only a description. A key whose sealed file is lost must not get one.
    if (record !== null && (imported.has(id) || record.state === 'destroyed')) {
      files.push({ name: recordFileName(id), bytes: record.bytes });
    }
  });
  await keyring.put(files);
  await keyring.adopt(identity.secret);
  for (const id of imported) {
    if ((await openKeyOrNull(keyring, id)) !== null) continue;
    problems.push(`the key ${id} of the copy could not be imported`);
    imported.delete(id);
  }
  return { keys: imported.size, problems: problems.toSorted() };
}

/** Returns the key, or null if the keyring does not have it or cannot open it. */
export async function openKeyOrNull(
  keyring: Pick<Keyring, 'open'>,
  id: KeyFingerprint,
): Promise<CustomerKey | null> {
  try {
    return await keyring.open(id);
  } catch (error) {
    if (isFault(error, 'corrupt', 'key-missing')) return null;
    throw error;
  }
}

async function keysIn(
  call: Call,
  bucket: CopyBucket,
): Promise<{
  readonly sealed: ReadonlySet<KeyFingerprint>;
  readonly described: ReadonlySet<KeyFingerprint>;
}> {
  const sealed = new Set<KeyFingerprint>();
  const described = new Set<KeyFingerprint>();
  for (const { key } of await bucket.list(call)) {
    const file = key.startsWith(keysPrefix) ? parseKeyFileName(key.slice(keysPrefix.length)) : null;
    if (file !== null) (file.kind === 'sealed' ? sealed : described).add(file.id);
  }
  return { sealed, described };
}

/**
 * Returns the sealed file if the identity opens it and it holds this key. Otherwise returns the problem as
 * text.
 */
async function fetchSealed(
  call: Call,
  bucket: CopyBucket,
  identity: AgeIdentity,
  id: KeyFingerprint,
): Promise<Uint8Array | string> {
  const name = `${keysPrefix}${sealedFileName(id)}`;
  const object = await bucket.read(call, name);
  if (object === null) return `${name} was removed during the recovery`;
  const unsealed = await unseal(object.bytes, identity);
  if (unsealed.kind === 'not-ours') return `${name} is not sealed to this identity`;
  if (unsealed.kind === 'damaged') return `${name} is damaged`;
  const isKey =
    unsealed.bytes.byteLength === customerKeyBytes &&
    CustomerKey.fromBytes(unsealed.bytes).fingerprint === id;
  unsealed.bytes.fill(0);
  return isKey ? object.bytes : `${name} does not hold the key of its name`;
}

/** Returns the description, or null if it is missing or invalid. The keyring then writes a new one. */
async function describe(
  call: Call,
  bucket: CopyBucket,
  id: KeyFingerprint,
): Promise<{ readonly bytes: Uint8Array; readonly state: KeyState } | null> {
  const object = await bucket.read(call, `${keysPrefix}${recordFileName(id)}`);
  if (object === null) return null;
  try {
    const record = parseKeyRecord(object.bytes.toString('utf8'));
    return record.id === id ? { bytes: object.bytes, state: record.state } : null;
  } catch {
    return null;
  }
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  const worker = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: parallelReads }, worker));
}
