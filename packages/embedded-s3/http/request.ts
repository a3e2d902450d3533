/** Request headers by lower-case name; those that a presigned URL carries in its query are among them. */
export type Headers = Readonly<Record<string, string | undefined>>;

/** One authenticated request, taken apart. */
export interface S3Request {
  readonly requestId: string;
  readonly method: string;
  /** The decoded path or host name's bucket; null for the service itself. */
  readonly bucket: string | null;
  /** The decoded key; null for the bucket itself. */
  readonly key: string | null;
  readonly query: URLSearchParams;
  readonly headers: Headers;
  /** The path as sent, for error documents. */
  readonly resource: string;
  /** The payload without framing. Read once; throws what verification finds, and when the client goes away. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Length of the payload in bytes; null when the client did not say. */
  readonly contentLength: number | null;
  /** Trailing headers, once the body is drained. */
  trailers(): ReadonlyMap<string, string>;
  /** Content-Encoding without `aws-chunked`. */
  readonly contentEncoding: string | null;
}

/** A request on a bucket or on an object in one. */
export interface BucketRequest extends S3Request {
  readonly bucket: string;
}
export interface ObjectRequest extends BucketRequest {
  readonly key: string;
}
