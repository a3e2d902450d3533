import { releaseBytes } from '../../bytes/buffer-pool.js';
import type { Call } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { ReadHandle, WriteHandle } from '../../model/vfs.js';
import type { Handler } from './context.js';
import { endOfFile, ok } from './replies.js';

/** At most two pieces of this size are held: one is being written while the next is read. */
const pieceBytes = 1024 * 1024;

interface Span {
  readonly from: number;
  readonly to: number;
  readonly length: number;
}

/** Copies up to `span.length` bytes and answers how many there were. */
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
      // It is awaited above and below; until then its failure must not count as unhandled.
      writing.catch(() => undefined);
      copied += views.reduce((sum, view) => sum + view.byteLength, 0);
    }
  } finally {
    await writing;
  }
  return copied;
}

/**
 * copy-data (draft-ietf-secsh-filexfer-extensions-00 section 7): from a file that is read into one that is written. As with
 * OpenSSH, a source that ends early is answered with EOF, and what there was has been copied.
 */
export const copyData: Handler<'copy-data'> = async (context, call, request) => {
  const source = context.handles.get(request.from);
  const target = context.handles.get(request.to);
  if (source === target) throw new Fault('invalid', 'a file cannot be copied onto itself');
  if (source.kind !== 'read') throw new Fault('denied', 'the source is not open for reading');
  if (target.kind !== 'write') throw new Fault('denied', 'the target is not open for writing');
  const toEnd = request.length === 0;
  const length = toEnd ? Number.MAX_SAFE_INTEGER : request.length;
  const span = { from: request.fromOffset, to: request.toOffset, length };
  const copied = await source.order.shared(() =>
    target.order.exclusive(() => copy(call, source.file, target.file, span)),
  );
  context.tally.bytesReceived += copied;
  return toEnd || copied === length ? ok(request.id) : endOfFile(request.id);
};
