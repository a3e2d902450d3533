import type { Call } from './call.js';

/** One version of an object, or a delete marker. */
export interface ListedVersion {
  readonly key: string;
  /**
   * The text `null` is a version id too (written while versioning was off). Null only if the server
   * has no versions.
   */
  readonly versionId: string | null;
  readonly isLatest: boolean;
  readonly isDeleteMarker: boolean;
  /** 0 for a delete marker. */
  readonly size: number;
  /** Empty for a delete marker. */
  readonly etag: string;
  readonly lastModifiedMs: number;
}

export interface VersionPage {
  /** By key, the newest version of each first. */
  readonly versions: readonly ListedVersion[];
  /** The `next` of the following request; null on the last page. */
  readonly next: { readonly keyMarker: string; readonly versionIdMarker: string } | null;
}

export interface VersionsRequest {
  readonly bucket: string;
  /** Empty for the whole bucket. */
  readonly prefix: string;
  /** Starts the page after this version; with an empty `versionIdMarker`, after all versions of the key. */
  readonly next?: VersionPage['next'];
  /** At most 1,000, which is the default. */
  readonly maxKeys?: number;
}

/**
 * Lists every version of a bucket's objects. In a bucket that never had versioning, each object is
 * its own only version.
 */
export interface ObjectVersions {
  listVersions(call: Call, request: VersionsRequest): Promise<VersionPage>;
}
