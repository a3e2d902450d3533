/** The bounds of a server of the API. */
export interface ApiBounds {
  /** Maximum size of a JSON body in bytes. */
  readonly maxBodyBytes: number;
  /** Time for all headers of a request. */
  readonly headersTimeoutMs: number;
  /** Time for a whole JSON body. */
  readonly bodyTimeoutMs: number;
  /** Time between two pieces of a body or an answer of bytes. */
  readonly idleTimeoutMs: number;
  readonly maxConnections: number;
  /** Maximum requests in work. More are answered with 503. */
  readonly maxRequests: number;
}

export const defaultApiBounds: ApiBounds = {
  maxBodyBytes: 1024 * 1024,
  headersTimeoutMs: 10_000,
  bodyTimeoutMs: 30_000,
  idleTimeoutMs: 60_000,
  maxConnections: 256,
  maxRequests: 64,
};

/** How often Node.js checks connections for slow headers. */
export const connectionCheckMs = 1_000;
/** Maximum bytes of skippable lines that wait for a client that reads slowly. */
export const maxWaitingBytes = 1024 * 1024;
