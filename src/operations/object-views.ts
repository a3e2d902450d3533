import { checksumHex } from '../model/checksum.js';
import type { ListEntry } from '../objects/listing.js';
import type { ObjectStatus } from '../objects/status.js';

/** Returns an entry of a listing for `--json` and the API. */
export function entryJson(entry: ListEntry) {
  if (entry.kind === 'directory') return { kind: entry.kind, key: entry.key };
  const { kind, key, version } = entry;
  const ofVersion = version === null ? {} : { versionId: version.id, isLatest: version.isLatest };
  const lastModified = new Date(entry.lastModifiedMs).toISOString();
  if (kind === 'delete-marker') return { kind, key, lastModified, ...ofVersion };
  const { size, etag, encryption, writtenBy } = entry;
  return { kind, key, size, lastModified, etag, ...ofVersion, encryption, writtenBy };
}

/** Returns everything about one object for `--json` and the API. */
export function statusJson(status: ObjectStatus) {
  const { ref, size, etag, encryption, info, isRemoved, mtimeSeconds, checksum, writer } = status;
  return {
    ...ref,
    isRemoved,
    size,
    etag,
    lastModified: new Date(status.lastModifiedMs).toISOString(),
    versionId: info?.versionId ?? null,
    encryption,
    contentType: info?.contentType ?? null,
    metadata: info?.metadata ?? null,
    mtimeSeconds,
    crc32: checksum?.algorithm === 'crc32' ? checksumHex(checksum) : null,
    crc32c: checksum?.algorithm === 'crc32c' ? checksumHex(checksum) : null,
    crc64Nvme: info?.crc64Nvme ?? null,
    writer,
    unsettledWrites: status.unsettledWrites,
    versions: status.versions.map(entryJson),
  };
}
