import type { WriteOptions } from '../../model/object-store.js';
import { withMtime } from '../mtime.js';
import type { UploadTarget } from '../vault.js';
import type { ReplacedObject } from '../vault-services.js';

/**
 * Returns the options of the requests that create an object. It keeps the properties of the object that it replaces,
 * and must replace that one.
 */
export function writeOptions(
  { encryption, acl }: UploadTarget,
  mtimeSeconds: number | null,
  replaced: ReplacedObject | null,
): WriteOptions {
  return {
    encryption,
    acl,
    metadata: withMtime(replaced?.metadata ?? {}, mtimeSeconds),
    contentType: replaced?.contentType ?? null,
    ...(replaced === null ? {} : { tags: replaced.tags, onlyIfMatches: replaced.etag }),
  };
}
