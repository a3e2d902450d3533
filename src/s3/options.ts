import { hasNativeCrc32c } from '@sftpgw/checksums';
import type { Clock, Entropy } from '../model/call.js';
import type { ChecksumAlgorithm } from '../model/checksum.js';
import type { ObjectChanges } from '../model/object-store.js';
import type { S3Transport } from './http/transport.js';
import type { RetryLimits, S3Measures } from './retry.js';
import type { StoreRoutes } from './routing/store-routes.js';

/** Fixed credentials of the embedded server or a test. By default, the AWS credential chain provides them. */
export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** Credentials that change. */
export interface CredentialProvider {
  readonly provide: () => Promise<S3Credentials & { readonly expiration: Date }>;
  /** Called when S3 has refused the credentials. */
  forget(): void;
}

/** The address of S3 and the settings of its client. */
export interface S3ClientOptions {
  /**
   * `https://host:port`; null means AWS, or AWS_ENDPOINT_URL_S3 / AWS_ENDPOINT_URL, or the shared config
   * file.
   */
  readonly endpoint: string | null;
  /** Null means AWS_REGION, then the shared config file, then `us-east-1`. */
  readonly region: string | null;
  /** Null means path style if there is an `endpoint`. */
  readonly forcePathStyle?: boolean | null;
  /**
   * A PEM file of trusted certificates that replaces the system's. Null means AWS_CA_BUNDLE, then the
   * system's.
   */
  readonly caFile?: string | null;
  /** Null means the AWS credential chain. */
  readonly credentials?: S3Credentials | CredentialProvider | null;
  /** The address of STS for roles. Null means AWS_ENDPOINT_URL_STS, then the endpoint of S3, then AWS. */
  readonly stsEndpoint?: string | null;
  /** Connections that several clients share; by default each client has its own. */
  readonly transport?: S3Transport;
  /** Timeout for connecting, TCP and TLS. */
  readonly connectTimeoutMs?: number;
  /** Timeout without a byte in either direction. */
  readonly idleTimeoutMs?: number;
  /** The same for Complete and copies: some servers send nothing until all bytes are moved. */
  readonly slowAnswerTimeoutMs?: number;
  /** Times the back-off when S3 asks to slow down; without a clock there is none. */
  readonly clock?: Clock;
  /** Parallel connections to S3; further requests wait for one. */
  readonly maxSockets?: number;
}

/** `none` for servers that refuse the newer checksums (x-amz-checksum-*). */
export type ChecksumSetting = ChecksumAlgorithm | 'none';

/**
 * Returns the checksum to send. CRC-32C needs the processor: computed with a table, it costs more than the
 * rest of an upload.
 */
export function checksumsInUse(setting: ChecksumSetting = 'crc32c'): ChecksumSetting {
  return setting === 'crc32c' && !hasNativeCrc32c ? 'crc32' : setting;
}

export interface S3StoreOptions extends S3ClientOptions {
  readonly checksums?: ChecksumSetting;
  /** Whether each object with a customer key gets a tag with the key's fingerprint; true by default. */
  readonly keyTags?: boolean;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly retry?: Partial<RetryLimits>;
  /** Counts requests. Nothing by default. */
  readonly measures?: S3Measures;
  /** Learns what is written and removed. */
  readonly changes?: ObjectChanges;
  /** Sends the requests for some users' objects to other regions, or under other roles. */
  readonly routes?: StoreRoutes;
  /** The maximum size for one CopyObject, 5 GiB at AWS. Larger objects are copied in parts. */
  readonly singleCopyLimitBytes?: number;
  /** The size of these parts. */
  readonly copyPartBytes?: number;
  /**
   * Up to this size an object may be re-encrypted by reading and writing it, if that is cheaper for the
   * server.
   */
  readonly copyThroughBytes?: number;
  /**
   * The size of parts, from 5 MiB, that are read and written where the server refuses to copy. A smaller
   * object is copied in one piece.
   */
  readonly streamPartBytes?: number;
}

export const clientDefaults = {
  connectTimeoutMs: 10_000,
  idleTimeoutMs: 60_000,
  slowAnswerTimeoutMs: 15 * 60_000,
  maxSockets: 256,
} as const;

/** Limits: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html and CopyObject. */
export const storeDefaults = {
  singleCopyLimitBytes: 5 * 1024 ** 3,
  copyPartBytes: 512 * 1024 ** 2,
  /** Measured with Ceph 20: above this size, its multipart copy is cheaper. */
  copyThroughBytes: 2 * 1024 ** 2,
  streamPartBytes: 8 * 1024 ** 2,
  /** For all copies through the gateway together. A single larger part waits until it is alone. */
  copyMemoryBytes: 64 * 1024 ** 2,
} as const;
