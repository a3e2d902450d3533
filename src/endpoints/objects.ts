import Type from 'typebox';
import { Download } from '../api/description/operation.js';
import { decodeCursor, defaultPageSize, encodeCursor, pageOf, pageQuery } from '../api/description/page.js';
import type { Call } from '../model/call.js';
import { Fault } from '../model/fault.js';
import type { Keyring } from '../model/keyring.js';
import type { ObjectInfo, ObjectRef } from '../model/object-store.js';
import { ownersOf, type PrefixOwner } from '../model/users/prefix-owners.js';
import { streamObject } from '../objects/get.js';
import { type ListPosition, listEntriesPage } from '../objects/listing.js';
import { parseObjectUrl, parseS3Url, s3Url } from '../objects/s3-url.js';
import { statObject } from '../objects/status.js';
import { openObjectServices } from '../operations/object-services.js';
import { entryJson, statusJson } from '../operations/object-views.js';
import { type ApiContext, operation } from './context.js';
import { bucketName, count, numberOrNull, objectQuery, strict, textOrNull, time } from './schemas.js';

const group = 'objects';

const encryption = Type.Union([
  Type.Object({
    kind: Type.Literal('sse-c'),
    keyId: Type.String(),
    label: Type.String(),
    keyState: Type.Union([Type.Enum(['active', 'retired', 'destroyed']), Type.Null()], {
      description: 'Null if the key is not available.',
    }),
    source: Type.Enum(['ledger', 'store', 'tag']),
  }),
  Type.Object({
    kind: Type.Enum(['sse-c-unknown-key', 'sse-s3', 'bucket-default', 'none']),
  }),
  Type.Object({ kind: Type.Literal('sse-kms'), keyArn: textOrNull }),
  Type.Object({ kind: Type.Literal('not-known'), why: Type.String() }),
]);

const version = {
  versionId: Type.Optional(textOrNull),
  isLatest: Type.Optional(Type.Boolean()),
};

const object = Type.Object({
  kind: Type.Literal('object'),
  key: Type.String(),
  size: count,
  lastModified: time,
  etag: Type.String(),
  encryption,
  writtenBy: {
    ...textOrNull,
    description: 'The user that wrote it through the gateway; null for another client.',
  },
  ...version,
});
const marker = Type.Object({
  kind: Type.Literal('delete-marker'),
  key: Type.String(),
  lastModified: time,
  ...version,
});
const entry = Type.Union([
  object,
  marker,
  Type.Object({ kind: Type.Literal('directory'), key: Type.String() }),
]);

const exampleEncryption = {
  kind: 'sse-c',
  keyId: '3f9a41c07e52d8b6a1f0c3e4d5b69788',
  label: 'bob 2026',
  keyState: 'active',
  source: 'ledger',
} as const;
const exampleObject = {
  kind: 'object',
  key: 'bob/uploads/report.pdf',
  size: 1048576,
  lastModified: '2026-05-01T12:00:00.000Z',
  etag: '"9b2cf535f27731c974343645a3985328"',
  encryption: exampleEncryption,
  writtenBy: 'bob',
} as const;

/** Opens the services for objects, with the settings and keys of this moment. */
export async function objectServices({ root }: ApiContext, call: Call) {
  const { services } = await openObjectServices({ ...root, call }, root.settings, call.log);
  return services;
}

/** Returns the object of a query. Throws `invalid`. */
export function refOf({ bucket, key }: ObjectRef): ObjectRef {
  return parseObjectUrl(s3Url({ bucket, key }));
}

export const listObjects = operation({
  id: 'listObjects',
  group,
  summary: 'List objects with their encryption, and the label and fingerprint of their key.',
  details:
    'Reads the keys from the ledger, and asks S3 for objects that the ledger does not know. A page may have fewer items than the limit, or none, and still be followed by another one.',
  method: 'GET',
  path: '/api/objects',
  needs: 'viewer',
  query: Type.Object(
    {
      ...pageQuery,
      bucket: bucketName,
      prefix: Type.Optional(Type.String({ maxLength: 1024, description: 'Only keys that begin with this.' })),
      recursive: Type.Optional(Type.Boolean({ description: 'Lists all levels.' })),
      versions: Type.Optional(Type.Boolean({ description: 'Lists older versions and delete markers too.' })),
      keyId: Type.Optional(
        Type.String({ maxLength: 32, description: 'Only objects of a key whose id begins with this.' }),
      ),
      unknownKey: Type.Optional(Type.Boolean({ description: 'Only objects whose key is not available.' })),
      foreignKey: Type.Optional(
        Type.Boolean({
          description: 'Only objects whose key belongs to another user than the owner of their location.',
        }),
      ),
      encryptedWith: Type.Optional(Type.Enum(['sse-c', 'sse-s3', 'sse-kms', 'bucket-default', 'none'])),
    },
    strict,
  ),
  answer: pageOf(entry),
  command: 'sftpgw object ls s3://my-bucket/bob/uploads/',
  example: {
    query: { bucket: 'my-bucket', prefix: 'bob/uploads/' },
    answer: { items: [exampleObject, { kind: 'directory', key: 'bob/uploads/archive/' }], next: null },
  },
  handle: async (context, { query, call }) => {
    const { bucket, key: prefix } = parseS3Url(s3Url({ bucket: query.bucket, key: query.prefix ?? '' }));
    const { recursive = false, versions = false } = query;
    const services = await objectServices(context, call);
    const { entries, next } = await listEntriesPage(
      services,
      call,
      { bucket, prefix, recursive, versions },
      { after: positionOf(query.cursor, versions), limit: query.limit ?? defaultPageSize },
    );
    const isForeign =
      query.foreignKey === true ? await foreignKeys(context.root.keyring, services.owners, bucket) : null;
    const items = entries
      .map(entryJson)
      .filter((one) => isWanted(one, query) && (isForeign === null || isForeign(one)));
    return { items, next: next === null ? null : cursorOf(next) };
  },
});

type Item = ReturnType<typeof entryJson>;

/**
 * Returns a filter for objects whose key belongs to another user than the owner of their location, or is not
 * available. A key without an owner belongs to every location, and a location without an owner has no foreign keys.
 */
async function foreignKeys(
  keyring: Pick<Keyring, 'list'>,
  owners: readonly PrefixOwner[],
  bucket: string,
): Promise<(item: Item) => boolean> {
  const ownerOf = new Map((await keyring.list()).map(({ id, owner }) => [String(id), owner]));
  return (item) => {
    if (!('encryption' in item) || item.encryption === undefined) return false;
    const { encryption: found } = item;
    const locations = ownersOf(owners, { bucket, key: item.key });
    if (locations.length === 0) return false;
    if (found.kind === 'sse-c-unknown-key') return true;
    if (found.kind !== 'sse-c') return false;
    const owner = ownerOf.get(found.keyId);
    if (owner === undefined) return true;
    if (owner.kind === 'none') return false;
    const username = owner.kind === 'user' ? owner.username : null;
    return locations.every((location) => location.username !== username);
  };
}

function isWanted(
  item: Item,
  {
    keyId,
    unknownKey,
    encryptedWith,
  }: {
    readonly keyId?: string;
    readonly unknownKey?: boolean;
    readonly encryptedWith?: 'sse-c' | 'sse-s3' | 'sse-kms' | 'bucket-default' | 'none';
  },
): boolean {
  if (keyId === undefined && unknownKey !== true && encryptedWith === undefined) return true;
  if (!('encryption' in item) || item.encryption === undefined) return false;
  const { encryption: found } = item;
  const kind = found.kind === 'sse-c-unknown-key' ? 'sse-c' : found.kind;
  if (encryptedWith !== undefined && kind !== encryptedWith) return false;
  if (keyId === undefined && unknownKey !== true) return true;
  if (keyId !== undefined) return found.kind === 'sse-c' && found.keyId.startsWith(keyId);
  return found.kind === 'sse-c-unknown-key' || (found.kind === 'sse-c' && found.keyState === null);
}

function cursorOf(position: ListPosition): string {
  return 'continuation' in position
    ? encodeCursor([position.continuation])
    : encodeCursor([position.keyMarker, position.versionIdMarker]);
}

function positionOf(cursor: string | undefined, versions: boolean): ListPosition | null {
  const position = decodeCursor(cursor, versions ? 2 : 1);
  if (position === null) return null;
  const [first, second] = position.map(String);
  return versions ? { keyMarker: first ?? '', versionIdMarker: second ?? '' } : { continuation: first ?? '' };
}

const writer = Type.Object({
  actor: Type.String(),
  requestId: Type.String(),
  beganMs: Type.Number(),
  confirmedMs: numberOrNull,
});

const status = Type.Object({
  bucket: Type.String(),
  key: Type.String(),
  isRemoved: Type.Boolean(),
  size: count,
  etag: Type.String(),
  lastModified: time,
  versionId: textOrNull,
  encryption,
  contentType: textOrNull,
  metadata: Type.Union([Type.Record(Type.String(), Type.String()), Type.Null()]),
  mtimeSeconds: numberOrNull,
  crc32: textOrNull,
  crc32c: textOrNull,
  crc64Nvme: textOrNull,
  writer: Type.Union([writer, Type.Null()]),
  unsettledWrites: Type.Array(writer),
  versions: Type.Array(Type.Union([object, marker])),
});

const exampleWriter = {
  actor: 'bob',
  requestId: '5f3a0c1e2b4d6f78',
  beganMs: 1777636800000,
  confirmedMs: 1777636801000,
};

export const getObject = operation({
  id: 'getObject',
  group,
  summary: 'Get everything about one object: its versions, metadata, checksum, key and writer.',
  method: 'GET',
  path: '/api/objects/info',
  needs: 'viewer',
  query: objectQuery,
  answer: status,
  command: 'sftpgw object stat s3://my-bucket/bob/uploads/report.pdf',
  example: {
    query: { bucket: 'my-bucket', key: 'bob/uploads/report.pdf' },
    answer: {
      bucket: 'my-bucket',
      key: 'bob/uploads/report.pdf',
      isRemoved: false,
      size: 1048576,
      etag: '"9b2cf535f27731c974343645a3985328"',
      lastModified: '2026-05-01T12:00:00.000Z',
      versionId: null,
      encryption: exampleEncryption,
      contentType: 'application/octet-stream',
      metadata: { mtime: '1777636800' },
      mtimeSeconds: 1777636800,
      crc32: null,
      crc32c: '9a71bb4c',
      crc64Nvme: null,
      writer: exampleWriter,
      unsettledWrites: [],
      versions: [{ ...exampleObject, versionId: null, isLatest: true }],
    },
  },
  handle: async (context, { query, call }) =>
    statusView(await statObject(await objectServices(context, call), call, refOf(query))),
});

function statusView(found: Awaited<ReturnType<typeof statObject>>) {
  const { versions, ...view } = statusJson(found);
  return { ...view, versions: versions.filter((one) => one.kind !== 'directory') };
}

export const downloadObject = operation({
  id: 'downloadObject',
  group,
  summary: 'Download an object, decrypted.',
  details:
    'The answer is streamed. If the content does not match its checksum, the connection breaks before the end. The answer is always an attachment of the type application/octet-stream, whatever the object is.',
  method: 'GET',
  path: '/api/objects/content',
  needs: 'operator',
  query: objectQuery,
  gives: 'bytes',
  command: 'sftpgw object get s3://my-bucket/bob/uploads/report.pdf',
  example: { query: { bucket: 'my-bucket', key: 'bob/uploads/report.pdf' } },
  handle: async (context, { query, call }) => {
    const ref = refOf(query);
    const services = await objectServices(context, call);
    return new Download(ref.key.slice(ref.key.lastIndexOf('/') + 1), (take, begin) =>
      streamObject(services, call, ref, take, (info) => begin(info.size, headersOf(info))),
    );
  },
});

function headersOf({ etag, lastModifiedMs }: ObjectInfo): Readonly<Record<string, string>> {
  if (/[^\x20-\x7e]/.test(etag)) throw new Fault('corrupt', 'S3 answers with an ETag that is not ASCII');
  return { etag, 'last-modified': new Date(lastModifiedMs).toUTCString() };
}
