import type {
  AnyVersion,
  Bucket,
  BucketEncryption,
  Description,
  KeptChecksum,
  RestEncryption,
  Segment,
  Upload,
  UploadedPart,
  Versioning,
} from './records.js';

/** Rows as SQLite stores them. */
export interface BucketRow {
  readonly name: string;
  readonly created_ms: number;
  readonly versioning: string;
  readonly encryption: string;
  readonly blocks_sse_c: number;
}

export interface VersionRow {
  readonly sequence: number;
  readonly bucket: string;
  readonly key: string;
  readonly version_id: string;
  readonly is_latest: number;
  readonly delete_marker: number;
  readonly last_modified_ms: number;
  readonly size: number;
  readonly etag: string;
  readonly description: string;
  readonly encryption: string;
  readonly checksum: string | null;
  readonly parts_count: number | null;
}

export interface SegmentRow {
  readonly body_id: string;
  readonly wrapped_key: Uint8Array;
  readonly size: number;
  readonly part_number: number;
  readonly checksum: string | null;
}

export interface UploadRow {
  readonly upload_id: string;
  readonly bucket: string;
  readonly key: string;
  readonly initiated_ms: number;
  readonly description: string;
  readonly encryption: string;
  readonly checksum: string | null;
}

export interface PartRow extends SegmentRow {
  readonly etag: string;
  readonly checksum: string;
  readonly last_modified_ms: number;
}

export function bucketOf(row: BucketRow): Bucket {
  return {
    name: row.name,
    createdMs: row.created_ms,
    versioning: row.versioning as Versioning,
    encryption: JSON.parse(row.encryption) as BucketEncryption,
    blocksSseC: row.blocks_sse_c === 1,
  };
}

export function versionOf(row: VersionRow): AnyVersion {
  const common = {
    bucket: row.bucket,
    key: row.key,
    sequence: row.sequence,
    versionId: row.version_id,
    lastModifiedMs: row.last_modified_ms,
  };
  if (row.delete_marker === 1) return { ...common, deleteMarker: true };
  return {
    ...common,
    deleteMarker: false,
    size: row.size,
    etag: row.etag,
    description: JSON.parse(row.description) as Description,
    encryption: parseEncryption(row.encryption),
    checksum: row.checksum === null ? null : (JSON.parse(row.checksum) as KeptChecksum),
    partsCount: row.parts_count,
  };
}

export function segmentOf(row: SegmentRow): Segment {
  return {
    bodyId: row.body_id,
    wrappedKey: row.wrapped_key,
    size: row.size,
    partNumber: row.part_number,
    checksum: row.checksum,
  };
}

export function uploadOf(row: UploadRow): Upload {
  return {
    uploadId: row.upload_id,
    bucket: row.bucket,
    key: row.key,
    initiatedMs: row.initiated_ms,
    description: JSON.parse(row.description) as Description,
    encryption: parseEncryption(row.encryption),
    checksum: row.checksum === null ? null : (JSON.parse(row.checksum) as NonNullable<Upload['checksum']>),
  };
}

export function partOf(row: PartRow): UploadedPart {
  return {
    ...segmentOf(row),
    checksum: row.checksum,
    etag: row.etag,
    lastModifiedMs: row.last_modified_ms,
  };
}

type StoredEncryption =
  | Exclude<RestEncryption, { kind: 'sse-c' }>
  | { readonly kind: 'sse-c'; readonly salt: string; readonly hmac: string };

export function formatEncryption(encryption: RestEncryption): string {
  const stored: StoredEncryption =
    encryption.kind === 'sse-c'
      ? {
          kind: 'sse-c',
          salt: Buffer.from(encryption.verifier.salt).toString('base64'),
          hmac: Buffer.from(encryption.verifier.hmac).toString('base64'),
        }
      : encryption;
  return JSON.stringify(stored);
}

function parseEncryption(text: string): RestEncryption {
  const stored = JSON.parse(text) as StoredEncryption;
  if (stored.kind !== 'sse-c') return stored;
  return {
    kind: 'sse-c',
    verifier: { salt: Buffer.from(stored.salt, 'base64'), hmac: Buffer.from(stored.hmac, 'base64') },
  };
}
