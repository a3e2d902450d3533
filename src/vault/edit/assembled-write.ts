import { setMaxListeners } from 'node:events';
import { RunningChecksum } from '../../bytes/running-checksum.js';
import type { Call } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { MemoryBody, PartRange, WrittenObject } from '../../model/object-store.js';
import { PartSender } from '../upload/part-sender.js';
import { blockBytes, type UploadShare } from '../upload/upload-memory.js';
import type { UploadServices } from '../upload/upload-services.js';
import type { UploadTarget } from '../vault.js';
import type { BaseObject, FoundBase } from './base-object.js';
import type { EditPart } from './edit-plan.js';
import type { EditedFile } from './edited-file.js';

/** One write of an edited file, from these parts. */
export interface AssembledWrite {
  readonly target: UploadTarget;
  readonly file: EditedFile;
  readonly base: BaseObject;
  readonly found: FoundBase;
  readonly parts: readonly EditPart[];
}

/**
 * Writes an edited file as a multipart upload: S3 copies the parts that are unchanged, the gateway sends the
 * others. A part that is sent fits into the memory that every upload has reserved. Resolves when the object is
 * verified and confirmed. Throws `unsupported` if the server does not copy parts, and then nothing is left.
 */
export async function writeAssembled(
  services: UploadServices,
  call: Call,
  write: AssembledWrite,
): Promise<WrittenObject> {
  const { target, base, found, parts } = write;
  const cancel = new AbortController();
  // One upload may have many requests.
  setMaxListeners(0, cancel.signal);
  let fault: Fault | null = null;
  const sender = new PartSender(
    services,
    call,
    target,
    cancel,
    (settled) => {
      fault ??= settled;
    },
    null,
    found,
  );
  const check = () => {
    if (fault !== null) throw fault;
  };
  const share = services.memory.openShare();
  try {
    for (const part of parts) {
      while (sender.inFlight >= services.limits.parallelParts) await sender.partSettled();
      check();
      await transfer(services, call, write, part, sender, share, cancel.signal);
    }
    await sender.allSettled();
    check();
    // Some servers ignore the conditions of UploadPartCopy and CompleteMultipartUpload.
    await base.requireSame(call, found);
    return await sender.complete(call, sender.whole);
  } finally {
    await sender.discard();
    share.close();
  }
}

async function transfer(
  services: UploadServices,
  call: Call,
  { target: { ref }, file, found }: AssembledWrite,
  { from, start, end }: EditPart,
  sender: PartSender,
  share: UploadShare,
  signal: AbortSignal,
): Promise<void> {
  if (from === 'object') {
    const { access, etag, versionId } = found;
    const source: PartRange = { ref, access, etag, versionId, range: { start, end } };
    sender.copy(source);
    return;
  }
  const blocks: Buffer[] = [];
  const release = () => {
    for (const block of blocks.splice(0)) share.giveBack(block);
  };
  let body: MemoryBody;
  try {
    body = await gather(
      services,
      file.stream(call, start, end, end - start),
      end - start,
      blocks,
      async () => {
        return share.tryTake() ?? (await share.take(signal));
      },
    );
  } catch (error) {
    release();
    throw error;
  }
  sender.send(body, release);
}

/** Copies the bytes into blocks of the upload memory. */
async function gather(
  { store }: UploadServices,
  bytes: AsyncIterable<Uint8Array>,
  byteLength: number,
  blocks: Buffer[],
  take: () => Promise<Buffer>,
): Promise<MemoryBody> {
  const sum = new RunningChecksum(store.checksumAlgorithm);
  let filled = 0;
  for await (const view of bytes) {
    sum.update(view);
    for (let done = 0; done < view.byteLength; ) {
      if (filled % blockBytes === 0) blocks.push(await take());
      const within = filled % blockBytes;
      const piece = view.subarray(done, done + blockBytes - within);
      blocks.at(-1)?.set(piece, within);
      filled += piece.byteLength;
      done += piece.byteLength;
    }
  }
  if (filled !== byteLength) throw new Fault('bug', `a part of ${byteLength} bytes had ${filled}`);
  const chunks = blocks.map((block, index) => block.subarray(0, byteLength - index * blockBytes));
  return { chunks, byteLength, checksum: sum.checksum };
}
