/**
 * A request that is refused before or while its body is read. It has the content of S3's error
 * document: `code`, the HTTP `status`, the text and AWS's further elements.
 */
export class S3AuthError extends Error {
  readonly code: string;
  readonly status: number;
  /**
   * Further elements of the `<Error>` document, such as `HeadersNotSigned`. Never a secret or the
   * value of a header.
   */
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
