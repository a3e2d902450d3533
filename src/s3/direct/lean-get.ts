import type { Call } from '../../model/call.js';
import type { ReadAccess } from '../../model/encryption.js';
import type { ByteRange, ObjectRef, ReadCondition } from '../../model/object-store.js';
import { keyHeaders } from '../encryption-headers.js';
import type { Answer } from '../http/exchange.js';
import type { LeanRequests } from './lean-requests.js';

/** GetObject without the SDK's layers. The answer when it is 200 or 206; null when the SDK has to ask. */
export async function leanGet(
  requests: LeanRequests,
  call: Call,
  ref: ObjectRef,
  access: ReadAccess,
  range: ByteRange | null,
  condition: ReadCondition,
  asksForChecksums: boolean,
): Promise<Answer | null> {
  if (condition.versionId !== undefined) return null;
  const signed: Record<string, string> = { ...keyHeaders(access) };
  // S3 keeps checksums of whole objects: of a range it has none to tell.
  if (range === null && asksForChecksums) signed['x-amz-checksum-mode'] = 'ENABLED';
  const unsigned: Record<string, string> = {};
  if (range !== null) unsigned['range'] = `bytes=${range.start}-${range.end - 1}`;
  if (condition.ifMatch !== undefined) unsigned['if-match'] = condition.ifMatch;
  return requests.send(call, { ...ref, signed, unsigned, intoSlabs: true });
}
