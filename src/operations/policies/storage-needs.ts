import type { CannedAcl, EncryptionOption } from '../../model/encryption.js';

/** What one place in S3 is used for. */
export interface PrefixNeed {
  readonly bucket: string;
  /** Ends with `/`; empty for the whole bucket. */
  readonly prefix: string;
  /** `uploads` are written under the option, `downloads` are only read (and removed, where users may). */
  readonly use: 'uploads' | 'downloads';
  /** Of uploads; null for downloads, which may hold anything. */
  readonly option: EncryptionOption | null;
  readonly kmsKeyArn: string | null;
  readonly acl: CannedAcl | null;
}

/** What a gateway as a whole needs of S3. */
export interface StorageNeeds {
  readonly prefixes: readonly PrefixNeed[];
  /** The default bucket, where `.sftpgw/` is. */
  readonly defaultBucket: string;
  /** Of the queue with S3's events, null without one. */
  readonly eventQueueArn: string | null;
}

/** Every bucket that is used, the default one first. */
export function bucketsOf(needs: StorageNeeds): readonly string[] {
  return [...new Set([needs.defaultBucket, ...needs.prefixes.map(({ bucket }) => bucket)])];
}

/** True when objects are to rest under customers' keys in this bucket. */
export function usesSseC(needs: StorageNeeds, bucket: string): boolean {
  return needs.prefixes.some((need) => need.bucket === bucket && need.option === 3);
}
