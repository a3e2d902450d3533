import { releaseBytes } from '../../bytes/buffer-pool.js';
import type { Call } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { ReadHandle, WriteHandle } from '../../model/vfs.js';
import type { Handler } from './context.js';
import { endOfFile, ok } from './replies.js';

/** Size of a piece. Two pieces are in memory at a time: one is read while the other is written. */
const pieceBytes = 1024 * 1024;

interface Span {
  readonly from: number;
  readonly to: number;
  readonly length: number;
}

/** Copies up to `span.length` bytes and returns the number of copied bytes. */
async function copy(call: Call, source: ReadHandle, target: WriteHandle, span: Span): Promise<number> {
  let copied = 0;
  let writing: Promise<void> = Promise.resolve();
  try {
    while (copied < span.length) {
      const wanted = Math.min(pieceBytes, span.length - copied);
      const views = await source.read(call, span.from + copied, wanted);
      await writing;
      if (views === null) break;
      writing = target.write(call, span.to + copied, views).finally(() => views.forEach(releaseBytes));
      // The promise is awaited later. Until then its failure must not count as an unhandled rejection.
      writing.catch(() => undefined);
      copied += views.reduce((sum, view) => sum + view.byteLength, 0);
    }
  } finally {
    await writing;
  }
  return copied;
}

/**
 * copy-data (draft-ietf-secsh-filexfer-extensions-00 section 7): copies from a file that is open for reading
 * to one that is open for writing. If the source ends early, its bytes are copied and the reply is EOF, as
 * with OpenSSH.
 */
export const copyData: Handler<'copy-data'> = async (context, call, request) => {
  const source = context.handles.get(request.from);
  const target = context.handles.get(request.to);
  if (source === target) throw new Fault('invalid', 'cannot copy a file to itself');
  if (source.kind !== 'read') throw new Fault('denied', 'the source is not open for reading');
  if (target.kind !== 'write') throw new Fault('denied', 'the target is not open for writing');
  const toEnd = request.length === 0;
  const length = toEnd ? Number.MAX_SAFE_INTEGER : request.length;
  const span = { from: request.fromOffset, to: request.toOffset, length };
  const copied = await source.order.shared(() =>
    target.order.exclusive(() => copy(call, source.file, target.file, span)),
  );
  context.tally.bytesReceived += copied;
  context.copied(call, source.path, target.path, copied);
  return toEnd || copied === length ? ok(request.id) : endOfFile(request.id);
};
