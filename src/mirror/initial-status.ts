import type { MirrorPrefix, MirrorPrefixStatus } from '../model/mirror.js';

/** Returns the status of a prefix before its first pass. */
export function initialStatus({ name, bucket, prefix, directory }: MirrorPrefix): MirrorPrefixStatus {
  return {
    name,
    bucket,
    prefix,
    directory,
    objects: 0,
    bytes: 0,
    lastPass: null,
    completeMs: null,
    problemCount: 0,
    problems: [],
  };
}
