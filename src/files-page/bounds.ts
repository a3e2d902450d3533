/** The bounds of the server of the files page. */
export interface FilesPageBounds {
  /** Maximum size of a JSON body in bytes. */
  readonly maxBodyBytes: number;
  /** Time for all headers of a request. */
  readonly headersTimeoutMs: number;
  /** Time for a whole JSON body. */
  readonly bodyTimeoutMs: number;
  /** Time between two pieces of an upload or a download. */
  readonly idleTimeoutMs: number;
  /**
   * The rest of a refused piece of an upload that is read before the answer, which the browser would not get otherwise.
   * The page sends pieces of 32 MiB.
   */
  readonly maxDrainBytes: number;
  readonly maxDrainMs: number;
  readonly maxConnections: number;
  /** Maximum requests in work, logins apart. More are answered with 503. */
  readonly maxRequests: number;
  /** Maximum logins in work: their refusals are delayed, and must not hold up the other requests. */
  readonly maxLogins: number;
  readonly maxLoginsPerSource: number;
  /** Maximum entries of a directory that a listing has. */
  readonly maxListed: number;
  /** Maximum uploads of a session that are open at the same time. One more parks the one that was idle longest. */
  readonly maxOpenUploads: number;
  /** Time without a request after which an open upload is parked. */
  readonly uploadIdleMs: number;
  /** How often sessions and uploads are checked for their ends. */
  readonly checkIntervalMs: number;
}

export const defaultFilesPageBounds: FilesPageBounds = {
  maxBodyBytes: 64 * 1024,
  headersTimeoutMs: 10_000,
  bodyTimeoutMs: 30_000,
  idleTimeoutMs: 60_000,
  maxDrainBytes: 40 * 1024 * 1024,
  maxDrainMs: 60_000,
  maxConnections: 512,
  maxRequests: 256,
  maxLogins: 64,
  maxLoginsPerSource: 8,
  maxListed: 20_000,
  maxOpenUploads: 16,
  uploadIdleMs: 120_000,
  checkIntervalMs: 5_000,
};
