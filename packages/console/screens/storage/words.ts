import type { ItemOf } from '../../api/endpoints.js';
import type { Tone } from '../../parts/status.js';

export type Bucket = ItemOf<'listBuckets'>;
export type Statement = Bucket['policy']['statements'][number];

/** Whether a bucket accepts customer keys, in words and shapes. */
export const sseCStates: Readonly<Record<Bucket['sseC'], readonly [Tone, string]>> = {
  allowed: ['good', 'accepted'],
  blocked: ['bad', 'blocked: uploads with customer keys fail'],
  unknown: ['warn', 'unknown'],
};

/** Versioning in words and shapes. Without it a removed object cannot come back. */
export const versioningStates: Readonly<Record<Bucket['versioning'], readonly [Tone, string]>> = {
  enabled: ['good', 'enabled: removed and replaced objects stay as older versions'],
  suspended: ['warn', 'suspended: new objects replace each other'],
  never: ['plain', 'off: a removed or replaced object cannot be restored'],
  unknown: ['warn', 'unknown'],
};

/** Returns what the lifecycle rules of a bucket do, in words. */
export function lifecycleText(lifecycle: Bucket['lifecycle']): string {
  if (lifecycle === null) return 'unknown';
  const uploads = lifecycle.abortsIncompleteUploads
    ? 'aborts unfinished uploads'
    : 'does not abort unfinished uploads';
  const versions = lifecycle.expiresOlderVersions
    ? 'removes older versions after a time'
    : 'keeps older versions';
  return `${uploads}, ${versions}`;
}

/** Returns the statements of the policy that `sftpgw setup --apply` would change. */
export function changesOf({ policy }: Pick<Bucket, 'policy'>): readonly Statement[] {
  return policy.statements.filter(({ change }) => change !== 'same');
}
