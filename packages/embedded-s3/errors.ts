/**
 * A refusal: S3's code, HTTP status and text. `details` are further elements of the error document,
 * `headers` further headers of the response.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
 */
export class S3Error extends Error {
  readonly code: string;
  readonly status: number;
  readonly details: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    code: string,
    status: number,
    message: string,
    extra: {
      readonly details?: Readonly<Record<string, string>>;
      readonly headers?: Readonly<Record<string, string>>;
    } = {},
  ) {
    super(message);
    this.name = 'S3Error';
    this.code = code;
    this.status = status;
    this.details = extra.details ?? {};
    this.headers = extra.headers ?? {};
  }
}

const make =
  (code: string, status: number, text: string) =>
  (details: Readonly<Record<string, string>> = {}): S3Error =>
    new S3Error(code, status, text, { details });

/** Errors with a fixed text, in AWS's words. The argument has further elements of the error document. */
export const badDigest = make(
  'BadDigest',
  400,
  'The Content-MD5 you specified did not match what we received.',
);
export const bucketAlreadyOwnedByYou = make(
  'BucketAlreadyOwnedByYou',
  409,
  'Your previous request to create the named bucket succeeded and you already own it.',
);
export const bucketNotEmpty = make('BucketNotEmpty', 409, 'The bucket you tried to delete is not empty');
export const entityTooLarge = make(
  'EntityTooLarge',
  400,
  'Your proposed upload exceeds the maximum allowed size',
);
export const entityTooSmall = make(
  'EntityTooSmall',
  400,
  'Your proposed upload is smaller than the minimum allowed size',
);
export const incompleteBody = make(
  'IncompleteBody',
  400,
  'You did not provide the number of bytes specified by the Content-Length HTTP header',
);
export const internalError = make(
  'InternalError',
  500,
  'We encountered an internal error. Please try again.',
);
export const invalidDigest = make('InvalidDigest', 400, 'The Content-MD5 you specified was invalid.');
export const invalidPart = make(
  'InvalidPart',
  400,
  "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
);
export const invalidPartOrder = make(
  'InvalidPartOrder',
  400,
  'The list of parts was not in ascending order. Parts must be ordered by part number.',
);
export const invalidUri = make('InvalidURI', 400, "Couldn't parse the specified URI.");
export const keyTooLong = make('KeyTooLongError', 400, 'Your key is too long');
export const malformedXml = make(
  'MalformedXML',
  400,
  'The XML you provided was not well-formed or did not validate against our published schema',
);
export const messageTooLong = make('MaxMessageLengthExceeded', 400, 'Your request was too big.');
export const metadataTooLarge = make(
  'MetadataTooLarge',
  400,
  'Your metadata headers exceed the maximum allowed metadata size',
);
export const methodNotAllowed = make(
  'MethodNotAllowed',
  405,
  'The specified method is not allowed against this resource.',
);
export const missingContentLength = make(
  'MissingContentLength',
  411,
  'You must provide the Content-Length HTTP header.',
);
export const noSuchBucket = (bucket: string): S3Error =>
  new S3Error('NoSuchBucket', 404, 'The specified bucket does not exist', {
    details: { BucketName: bucket },
  });
export const noSuchKey = (key: string): S3Error =>
  new S3Error('NoSuchKey', 404, 'The specified key does not exist.', { details: { Key: key } });
export const noSuchUpload = (uploadId: string): S3Error =>
  new S3Error(
    'NoSuchUpload',
    404,
    'The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.',
    { details: { UploadId: uploadId } },
  );
export const noSuchVersion = (key: string, versionId: string): S3Error =>
  new S3Error('NoSuchVersion', 404, 'The specified version does not exist.', {
    details: { Key: key, VersionId: versionId },
  });
export const notModified = make('NotModified', 304, 'Not Modified');
export const requestTimeout = make(
  'RequestTimeout',
  400,
  'Your socket connection to the server was not read from or written to within the timeout period.',
);

/** Returns a 412 that names the condition. */
export const preconditionFailed = (condition: string): S3Error =>
  new S3Error('PreconditionFailed', 412, 'At least one of the pre-conditions you specified did not hold', {
    details: { Condition: condition },
  });

/** Returns a 501 that names the operation, header or value which this server does not implement. */
export const notImplemented = (what: string): S3Error =>
  new S3Error('NotImplemented', 501, `${what} is not implemented by this server.`);

/** Returns a 400 InvalidArgument that names the argument like AWS. */
export const invalidArgument = (message: string, name: string, value: string): S3Error =>
  new S3Error('InvalidArgument', 400, message, { details: { ArgumentName: name, ArgumentValue: value } });

export const invalidRequest = (message: string): S3Error => new S3Error('InvalidRequest', 400, message);

export const accessDenied = (message: string): S3Error => new S3Error('AccessDenied', 403, message);

export const invalidBucketName = (bucket: string): S3Error =>
  new S3Error('InvalidBucketName', 400, 'The specified bucket is not valid.', {
    details: { BucketName: bucket },
  });

export const invalidRange = (rangeRequested: string, size: number): S3Error =>
  new S3Error('InvalidRange', 416, 'The requested range is not satisfiable', {
    details: { RangeRequested: rangeRequested, ActualObjectSize: String(size) },
    headers: { 'content-range': `bytes */${size}` },
  });
