/**
 * A request that must be refused before, or while, its body is read. It carries what S3's error document
 * needs: `code`, the HTTP `status`, the text, and the further elements AWS puts beside them.
 */
export class S3AuthError extends Error {
  readonly code: string;
  readonly status: number;
  /** Further elements of the `<Error>` document, such as `HeadersNotSigned`. Never a secret, never a header's value. */
  readonly details: Readonly<Record<string, string>>;

  constructor(
    code: string,
    status: number,
    message: string,
    options?: { readonly details?: Readonly<Record<string, string>>; readonly cause?: unknown },
  ) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'S3AuthError';
    this.code = code;
    this.status = status;
    this.details = options?.details ?? {};
  }
}
