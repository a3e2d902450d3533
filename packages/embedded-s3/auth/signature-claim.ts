import type { S3AuthError } from './s3-auth-error.js';
import type { Timestamp } from './timestamp.js';

/** A request's claim of who signed what and when. It is not verified yet. */
export interface SignatureClaim {
  readonly credential: CredentialScope;
  readonly signedAt: Timestamp;
  /** Lower-case names, in the signed order. */
  readonly signedHeaders: readonly string[];
  /** 64 hexadecimal digits from an honest client; any text otherwise. */
  readonly signature: string;
  /** `x-amz-content-sha256`: a hash or one of the words that replace it. */
  readonly contentSha256: string;
  /** Validity of a presigned URL; null for an Authorization header, which is valid only now. */
  readonly expiresSeconds: number | null;
}

/** `Credential=AKID/20130524/us-east-1/s3/aws4_request`. */
export interface CredentialScope {
  readonly accessKeyId: string;
  /** `20130524` */
  readonly date: string;
  readonly region: string;
  /** `20130524/us-east-1/s3/aws4_request` */
  readonly scope: string;
}

/**
 * Parses a credential. Does not check the region: this server is in every region.
 *
 * @param refuse returns the error for a reason; header and query have different errors
 */
export function parseCredential(text: string, refuse: (why: string) => S3AuthError): CredentialScope {
  const fields = text.split('/');
  const [date, region, service, terminal] = fields.slice(-4);
  // An access key id may contain slashes.
  const accessKeyId = fields.slice(0, -4).join('/');
  if (!accessKeyId || !date || !region || !service || !terminal) {
    throw refuse(
      'the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".',
    );
  }
  if (terminal !== 'aws4_request') {
    throw refuse(`incorrect terminal "${terminal}". This endpoint uses "aws4_request".`);
  }
  if (service !== 's3') throw refuse(`incorrect service "${service}". This endpoint belongs to "s3".`);
  if (!/^\d{8}$/.test(date)) {
    throw refuse(
      `incorrect date format "${date}". This date in the credential must be in the format "yyyyMMdd".`,
    );
  }
  return { accessKeyId, date, region, scope: `${date}/${region}/s3/aws4_request` };
}

/** Returns `SignedHeaders` as a list, or null if it is not a list of lower-case header names. */
export function parseSignedHeaders(text: string): readonly string[] | null {
  const names = text.split(';');
  return names.every((name) => /^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(name)) ? names : null;
}
