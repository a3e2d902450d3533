import { hasNativeCrc32c } from '@sftpgw/checksums';
import type { Clock, Entropy } from '../model/call.js';
import type { ChecksumAlgorithm } from '../model/checksum.js';
import type { RetryLimits } from './retry.js';

/** Fixed credentials: the embedded server's, or a test's. Everybody else uses the AWS default credential chain. */
export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** Where S3 is and how it is spoken to. */
export interface S3ClientOptions {
  /** `https://host:port`; null means AWS, or AWS_ENDPOINT_URL_S3 / AWS_ENDPOINT_URL, or the shared config file. */
  readonly endpoint: string | null;
  /** Null means AWS_REGION, the shared config file, and in the end `us-east-1`. */
  readonly region: string | null;
  /** Null means: path style whenever `endpoint` is given. */
  readonly forcePathStyle?: boolean | null;
  /** A PEM file with the certificates to trust instead of the system's; null means AWS_CA_BUNDLE, else the system's. */
  readonly caFile?: string | null;
  /** Null means the default credential chain. */
  readonly credentials?: S3Credentials | null;
  /** Until TCP and TLS stand. */
  readonly connectTimeoutMs?: number;
  /** Without a byte in either direction. */
  readonly idleTimeoutMs?: number;
  /** The same for a Complete or a copy, over which some servers are silent until all bytes are moved. */
  readonly slowAnswerTimeoutMs?: number;
  /** Times the back-off when S3 asks to slow down; without a clock there is none. */
  readonly clock?: Clock;
  /** Parallel connections to S3; further requests wait for one. */
  readonly maxSockets?: number;
}

/** `none` for servers that refuse the newer checksums (x-amz-checksum-*). */
export type ChecksumSetting = ChecksumAlgorithm | 'none';

/** What is sent: CRC-32C only where the processor computes it. By a table it would cost more than all the rest of an upload. */
export function checksumsInUse(setting: ChecksumSetting = 'crc32c'): ChecksumSetting {
  return setting === 'crc32c' && !hasNativeCrc32c ? 'crc32' : setting;
}

export interface S3StoreOptions extends S3ClientOptions {
  readonly checksums?: ChecksumSetting;
  /** Whether every object under a customer key is tagged with the key's fingerprint as it is written; true by default. */
  readonly keyTags?: boolean;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly retry?: Partial<RetryLimits>;
  /** The largest object that one CopyObject may copy: 5 GiB at AWS. Larger ones are copied in parts. */
  readonly singleCopyLimitBytes?: number;
  /** The size of those parts. */
  readonly copyPartBytes?: number;
  /** Up to this size an object that is given another key may be read and written again, where that is cheaper for the server. */
  readonly copyThroughBytes?: number;
}

export const clientDefaults = {
  connectTimeoutMs: 10_000,
  idleTimeoutMs: 60_000,
  slowAnswerTimeoutMs: 15 * 60_000,
  maxSockets: 256,
} as const;

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html and CopyObject's limit. */
export const storeDefaults = {
  singleCopyLimitBytes: 5 * 1024 ** 3,
  copyPartBytes: 512 * 1024 ** 2,
  /** Measured at Ceph 20: from about here on its multipart copy is the cheaper one. */
  copyThroughBytes: 2 * 1024 ** 2,
} as const;
