import type { FileHandle } from 'node:fs/promises';

/** Writes all bytes at the position. A single pwrite(2) may write fewer, for example when a disk fills up. */
export async function writeFully(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let written = 0; written < bytes.byteLength; ) {
    const { bytesWritten } = await handle.write(
      bytes,
      written,
      bytes.byteLength - written,
      position + written,
    );
    written += bytesWritten;
  }
}
