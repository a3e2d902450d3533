import { gunzipSync, gzipSync } from 'node:zlib';
import { secretFileMode } from '../files/durable.js';
import { packTar, readTar } from '../files/tar.js';
import { type KeyFingerprint, parseKeyFingerprint } from '../model/customer-key.js';
import { Fault } from '../model/fault.js';
import { snapshotPath } from './snapshot-paths.js';

/** A file below the root, as it was. */
export interface SnapshotFile {
  readonly path: string;
  readonly content: Uint8Array;
}

/** Which key of the keyring was in a raw key file. The key itself is not in the snapshot. */
export interface SnapshotKeyFile {
  readonly path: string;
  readonly key: KeyFingerprint;
}

/** All that a new machine needs besides the keys and the objects. */
export interface Snapshot {
  readonly takenMs: number;
  readonly bucket: string;
  readonly files: readonly SnapshotFile[];
  /** Those of one path's older keys in the order in which they were replaced. */
  readonly keyFiles: readonly SnapshotKeyFile[];
  /** The keys in the keyring, without the destroyed ones. */
  readonly keys: readonly KeyFingerprint[];
}

const format = 1;
const manifestPath = 'snapshot.json';
/** A hundred thousand users have about this much; more is no snapshot. */
const maxBytes = 512 * 1024 * 1024;

/**
 * The snapshot as `tar -xz` reads it: `snapshot.json`, then the files at their paths. The same snapshot gives the same bytes.
 */
export function packSnapshot(snapshot: Snapshot): Buffer {
  const { takenMs, bucket, files, keyFiles, keys } = snapshot;
  const manifest = { format, taken: new Date(takenMs).toISOString(), bucket, keyFiles, keys };
  const entries = [
    { path: manifestPath, content: Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`) },
    ...files,
  ];
  // Times are left out: the same files are to give the same bytes.
  return gzipSync(
    packTar(entries.map(({ path, content }) => ({ name: path, content, mode: secretFileMode, mtimeMs: 0 }))),
  );
}

/** Throws `corrupt` for what `packSnapshot` did not make, and `unsupported` for what a later version made. */
export function unpackSnapshot(packed: Uint8Array): Snapshot {
  const [manifest, ...files] = readTar(unzip(packed));
  if (manifest?.name !== manifestPath) throw new Fault('corrupt', `the snapshot has no ${manifestPath}`);
  for (const { name: path } of files) {
    const place = snapshotPath(path);
    if (place === null || place.kind === 'key-file') {
      throw new Fault('corrupt', `the snapshot holds ${JSON.stringify(path)}, which has no place in one`);
    }
  }
  return {
    ...readManifest(manifest.content),
    files: files.map(({ name, content }) => ({ path: name, content })),
  };
}

function unzip(packed: Uint8Array): Buffer {
  try {
    return gunzipSync(packed, { maxOutputLength: maxBytes });
  } catch (error) {
    throw new Fault('corrupt', 'the snapshot cannot be unpacked', { cause: error });
  }
}

function readManifest(content: Uint8Array): Omit<Snapshot, 'files'> {
  let fields: Readonly<Record<string, unknown>>;
  try {
    fields = Object(JSON.parse(Buffer.from(content).toString('utf8')));
  } catch (error) {
    throw new Fault('corrupt', `the ${manifestPath} of the snapshot is no JSON`, { cause: error });
  }
  if (fields['format'] !== format) {
    const given = JSON.stringify(fields['format']) ?? 'missing';
    throw new Fault('unsupported', `the snapshot has the format ${given}; this version reads ${format}`);
  }
  const takenMs = Date.parse(String(fields['taken']));
  const { bucket, keys, keyFiles } = fields;
  if (
    Number.isNaN(takenMs) ||
    typeof bucket !== 'string' ||
    !Array.isArray(keys) ||
    !Array.isArray(keyFiles)
  ) {
    throw new Fault('corrupt', `the ${manifestPath} of the snapshot is incomplete`);
  }
  return {
    takenMs,
    bucket,
    keys: keys.map(readFingerprint),
    keyFiles: keyFiles.map(readKeyFile),
  };
}

function readKeyFile(value: unknown): SnapshotKeyFile {
  const { path, key } = Object(value) as Readonly<Record<string, unknown>>;
  if (typeof path !== 'string' || snapshotPath(path)?.kind !== 'key-file') {
    throw new Fault('corrupt', `the snapshot names ${JSON.stringify(path)} as a key file`);
  }
  return { path, key: readFingerprint(key) };
}

function readFingerprint(value: unknown): KeyFingerprint {
  try {
    return parseKeyFingerprint(String(value));
  } catch (error) {
    throw new Fault('corrupt', 'the snapshot names something as a key that is none', { cause: error });
  }
}
