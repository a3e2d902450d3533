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

/** Name of the writer in the ledger. */
const actor = 'object put';

/**
 * Stores a file as an object, with the encryption chosen for its location and the file's time in the
 * metadata. Skips an object that has the same content and encryption already. Throws the faults of the choice
 * and of the vault, `conflict` if the file changes while it is read, and errors of the file system.
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
    if (!before.isFile()) throw new Fault('invalid', `${path} is not a regular file`);
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
          throw new Fault('conflict', `${path} changed while it was read; nothing was stored, try again`);
        }
      },
    );
    return 'stored';
  } finally {
    await handle.close();
  }
}

/** Stores a stream as an object, which appears after the last byte. Throws as `putFile` does. */
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

/** Uploads the bytes. Calls `check` just before the object appears; it aborts the upload by throwing. */
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
 * Yields the file's bytes in one reused buffer, because the vault copies them. Stops once a growing file is
 * longer than `size`, so that it ends.
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

/**
 * Reports whether the object has this content and encryption. An object that cannot be opened is another one
 * and is replaced.
 */
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
