import { type FileHandle, open } from 'node:fs/promises';
import type { Call } from '../model/call.js';
import { Fault, isFault } from '../model/fault.js';
import type { ObjectRef } from '../model/object-store.js';
import { isEncryptedAs, sealedWith } from '../vault/sealed-with.js';
import type { UploadTarget } from '../vault/vault.js';
import { type Content, contentOf, contentOfFile, isSameContent } from './content.js';
import type { ChosenEncryption, EncryptionChoice } from './encryption-choice.js';
import { openObject } from './encryption-lookup.js';
import type { ObjectServices } from './services.js';
import type { TransferProgress } from './tree-outcome.js';

const pieceBytes = 1024 * 1024;

/** What the ledger names as the writer. */
const actor = 'object put';

/**
 * Stores a file as an object, under the encryption that is chosen for its place, with its time in the metadata. One that is there
 * already, with this content and under this encryption, stays. Throws the faults of the choice and of the vault, `conflict` when the file changes
 * while it is read, and errors of the file system.
 */
export async function putFile(
  services: ObjectServices,
  call: Call,
  path: string,
  ref: ObjectRef,
  choice: EncryptionChoice,
  progress: TransferProgress,
): Promise<'stored' | 'unchanged'> {
  const chosen = await choice.at(ref, null);
  const handle = await open(path, 'r');
  try {
    const before = await handle.stat();
    if (!before.isFile()) throw new Fault('invalid', `${path} is no regular file`);
    if (await isStored(services, call, path, before.size, ref, chosen)) return 'unchanged';
    progress.begin(before.size);
    const mtimeSeconds = Math.floor(before.mtimeMs / 1000);
    await upload(
      services,
      call,
      targetOf(ref, chosen, mtimeSeconds),
      piecesOf(handle, before.size),
      progress,
      async () => {
        const { size, mtimeMs } = await handle.stat();
        if (size !== before.size || mtimeMs !== before.mtimeMs) {
          throw new Fault('conflict', `${path} changed while it was read; nothing was stored`);
        }
      },
    );
    return 'stored';
  } finally {
    await handle.close();
  }
}

/** Stores bytes as they come; the object appears after the last. Faults as `putFile`. */
export async function putStream(
  services: ObjectServices,
  call: Call,
  bytes: AsyncIterable<Uint8Array>,
  ref: ObjectRef,
  choice: EncryptionChoice,
  progress: TransferProgress,
): Promise<void> {
  const chosen = await choice.at(ref, null);
  await upload(services, call, targetOf(ref, chosen, null), bytes, progress, async () => undefined);
}

function targetOf(ref: ObjectRef, chosen: ChosenEncryption, mtimeSeconds: number | null): UploadTarget {
  return { ref, ...chosen, actor, mtimeSeconds };
}

/** `check` comes before the object does, and stops it by throwing. */
async function upload(
  { vault }: ObjectServices,
  call: Call,
  target: UploadTarget,
  bytes: AsyncIterable<Uint8Array>,
  progress: TransferProgress,
  check: () => Promise<void>,
): Promise<void> {
  await using writer = await vault.openUpload(call, target);
  let offset = 0;
  for await (const piece of bytes) {
    if (call.signal.aborted) throw new Fault('cancelled', 'interrupted');
    await writer.write(offset, [piece]);
    offset += piece.byteLength;
    progress.took(piece.byteLength);
  }
  await check();
  await writer.commit(call);
}

/**
 * The vault copies what it is given: one buffer does for all. A file that grows faster than it is read has no end: it is left once it
 * is longer than it was.
 */
async function* piecesOf(handle: FileHandle, size: number): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.allocUnsafe(pieceBytes);
  for (let position = 0; position <= size; ) {
    const { bytesRead } = await handle.read(buffer, 0, buffer.byteLength, position);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
    position += bytesRead;
  }
}

/** An object that cannot be opened is another's, and is replaced: that needs no look at it. */
async function isStored(
  services: ObjectServices,
  call: Call,
  path: string,
  size: number,
  ref: ObjectRef,
  { encryption }: ChosenEncryption,
): Promise<boolean> {
  let kept: Content | null;
  try {
    const opened = await openObject(services, call, ref);
    if (opened === null || opened.value.size !== size) return false;
    if (!isEncryptedAs(opened.value.encryption, sealedWith(encryption))) return false;
    kept = contentOf(opened.value, opened.candidates);
  } catch (error) {
    if (isFault(error, 'key-missing', 'key-mismatch', 'denied')) return false;
    throw error;
  }
  return kept !== null && isSameContent(await contentOfFile(call, path, kept.checksum.algorithm), kept);
}
