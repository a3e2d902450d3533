import { RunningChecksum } from '../../bytes/running-checksum.js';
import type { Call } from '../../model/call.js';
import { compareChecksums } from '../../model/checksum.js';
import { Fault } from '../../model/fault.js';
import type { PartSource, StreamedBody } from '../../model/object-store.js';
import type { S3Context } from '../context.js';
import { getObject } from '../reads.js';

/**
 * Returns an object as a body that is read while it is sent, for a part that the server refuses to copy. The
 * stream throws `conflict` when the object has changed, and `corrupt`, before its end is sent, when its bytes
 * do not have the known checksum.
 */
export function streamedSource(context: S3Context, call: Call, source: PartSource): StreamedBody {
  return {
    byteLength: source.size,
    checksum: source.checksum,
    stream: () => checkedBytes(context, call, source),
  };
}

async function* checkedBytes(
  context: S3Context,
  call: Call,
  { ref, access, etag, size, checksum }: PartSource,
): AsyncGenerator<Uint8Array> {
  const changed = new Fault('conflict', `"${ref.key}" was replaced while it was copied`);
  const found = await getObject(context, call, ref, access, null, { ifMatch: etag });
  if (found === null || found.info.size !== size) throw changed;
  const sum = new RunningChecksum(checksum.algorithm);
  let held: Uint8Array | null = null;
  // The last piece waits for the checksum of all, so that a wrong body is never sent whole.
  for await (const piece of found.bytes) {
    if (held !== null) yield held;
    sum.update(piece);
    held = piece;
  }
  if (compareChecksums(sum.checksum, checksum) === 'different') {
    throw new Fault('corrupt', `S3 returned different bytes of "${ref.key}" than were written`);
  }
  if (held !== null) yield held;
}
