import type { CannedAcl, EncryptionOption } from '../../model/encryption.js';

/** The use of one prefix in S3. */
export interface PrefixNeed {
  readonly bucket: string;
  /** Ends with `/`; empty for the whole bucket. */
  readonly prefix: string;
  /**
   * `uploads` are written with the encryption option. `downloads` are only read, or removed if users may
   * remove them.
   */
  readonly use: 'uploads' | 'downloads';
  /** The option of uploads; null for downloads, which may have any encryption. */
  readonly option: EncryptionOption | null;
  readonly kmsKeyArn: string | null;
  readonly acl: CannedAcl | null;
  /** The role that the gateway assumes for the prefix; null for its own permissions. */
  readonly roleArn: string | null;
}

/** Requirements of the whole gateway on S3. */
export interface StorageNeeds {
  readonly prefixes: readonly PrefixNeed[];
  /** The default bucket, which contains `.sftpgw/`. */
  readonly defaultBucket: string;
  /** ARN of the queue with S3's events; null if there is none. */
  readonly eventQueueArn: string | null;
}

/** Returns every bucket in use, the default one first. */
export function bucketsOf(needs: StorageNeeds): readonly string[] {
  return [...new Set([needs.defaultBucket, ...needs.prefixes.map(({ bucket }) => bucket)])];
}

/** Returns the roles that the gateway assumes for a bucket. */
export function rolesOf(needs: StorageNeeds, bucket: string): readonly string[] {
  return [...new Set(needs.prefixes.flatMap((need) => (need.bucket === bucket ? (need.roleArn ?? []) : [])))];
}

/** Returns true if uploads to this bucket are encrypted with customer keys. */
export function usesSseC(needs: StorageNeeds, bucket: string): boolean {
  return needs.prefixes.some((need) => need.bucket === bucket && need.option === 3);
}
