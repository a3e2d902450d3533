import { promisify } from 'node:util';
import { gunzipSync, gzip } from 'node:zlib';
import { secretFileMode } from '../files/durable.js';
import { packTar, readTar } from '../files/tar.js';
import { type KeyFingerprint, parseKeyFingerprint } from '../model/customer-key.js';
import { Fault } from '../model/fault.js';
import { snapshotPath } from './snapshot-paths.js';

/** A file below the root. */
export interface SnapshotFile {
  readonly path: string;
  readonly content: Uint8Array;
}

/** A raw key file and the id of its key in the keyring. The snapshot does not have the key itself. */
export interface SnapshotKeyFile {
  readonly path: string;
  readonly key: KeyFingerprint;
}

/** The state that a new machine needs in addition to the keys and the objects. */
export interface Snapshot {
  readonly takenMs: number;
  readonly bucket: string;
  readonly files: readonly SnapshotFile[];
  /** Older keys of one path are in the order in which they were replaced. */
  readonly keyFiles: readonly SnapshotKeyFile[];
  /** The keys in the keyring, except destroyed ones. */
  readonly keys: readonly KeyFingerprint[];
}

const format = 1;
const manifestPath = 'snapshot.json';
/** Maximum size of an unpacked snapshot, about that of 100,000 users. */
const maxBytes = 512 * 1024 * 1024;

/**
 * Packs a snapshot for `tar -xz`: `snapshot.json`, then the files at their paths. Equal snapshots give equal
 * bytes. Lets other work run meanwhile, because many users have thousands of files.
 */
export async function packSnapshot(snapshot: Snapshot): Promise<Buffer> {
  const { takenMs, bucket, files, keyFiles, keys } = snapshot;
  const manifest = { format, taken: new Date(takenMs).toISOString(), bucket, keyFiles, keys };
  const entries = [
    { path: manifestPath, content: Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`) },
    ...files,
  ];
  // All times are 0, so that equal files give equal bytes.
  const tar = await packTar(
    entries.map(({ path, content }) => ({ name: path, content, mode: secretFileMode, mtimeMs: 0 })),
  );
  return await promisify(gzip)(tar);
}

/** Unpacks a snapshot. Throws `corrupt` for an invalid one, and `unsupported` for one of another version. */
export function unpackSnapshot(packed: Uint8Array): Snapshot {
  const [manifest, ...files] = readTar(unzip(packed));
  if (manifest?.name !== manifestPath) throw new Fault('corrupt', `the snapshot has no ${manifestPath}`);
  for (const { name: path } of files) {
    const found = snapshotPath(path);
    if (found === null || found.kind === 'key-file') {
      throw new Fault('corrupt', `the snapshot has an unexpected file: ${JSON.stringify(path)}`);
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
    throw new Fault('corrupt', `the ${manifestPath} of the snapshot is not JSON`, { cause: error });
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
    throw new Fault('corrupt', `the snapshot has an unexpected key file: ${JSON.stringify(path)}`);
  }
  return { path, key: readFingerprint(key) };
}

function readFingerprint(value: unknown): KeyFingerprint {
  try {
    return parseKeyFingerprint(String(value));
  } catch (error) {
    throw new Fault('corrupt', 'the snapshot has an invalid key id', { cause: error });
  }
}
