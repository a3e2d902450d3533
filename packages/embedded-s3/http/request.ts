/** Request headers by lower-case name, including those in the query of a presigned URL. */
export type Headers = Readonly<Record<string, string | undefined>>;

/** One authenticated, parsed request. */
export interface S3Request {
  readonly requestId: string;
  readonly method: string;
  /** Decoded bucket from the path or host name; null for the service itself. */
  readonly bucket: string | null;
  /** The decoded key; null for the bucket itself. */
  readonly key: string | null;
  readonly query: URLSearchParams;
  readonly headers: Headers;
  /** The path as sent, for error documents. */
  readonly resource: string;
  /**
   * The payload without framing. Can be read once. Throws if the verification fails or the client
   * disconnects.
   */
  readonly body: AsyncIterable<Uint8Array>;
  /** Length of the payload in bytes; null if the client did not send it. */
  readonly contentLength: number | null;
  /** Returns the trailing headers, after the body was read to its end. */
  trailers(): ReadonlyMap<string, string>;
  /** Content-Encoding without `aws-chunked`. */
  readonly contentEncoding: string | null;
}

/** A request for a bucket or an object in one. */
export interface BucketRequest extends S3Request {
  readonly bucket: string;
}
export interface ObjectRequest extends BucketRequest {
  readonly key: string;
}
