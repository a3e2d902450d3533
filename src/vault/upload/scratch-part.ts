import { JoinedChecksum } from '../../bytes/joined-checksum.js';
import type { Entropy } from '../../model/call.js';
import type { Checksum, ChecksumAlgorithm } from '../../model/checksum.js';
import type { StreamedBody } from '../../model/object-store.js';
import type { ScratchHolder, ScratchQuota } from './scratch-quota.js';
import { aesBlockBytes, SealedFile } from './sealed-file.js';

/**
 * Bytes per read of a body. Each body holds a few such pieces in memory, in addition to its socket's buffer.
 */
const pieceBytes = 256 * 1024;

/** A part that is too large for memory: it is gathered in an encrypted file and sent from there. */
export class ScratchPart {
  readonly #file: SealedFile;
  readonly #quota: ScratchQuota;
  readonly #holder: ScratchHolder;
  #byteLength = 0;
  #accounted = 0;
  readonly #sum: JoinedChecksum;

  constructor(
    directory: string,
    entropy: Entropy,
    quota: ScratchQuota,
    holder: ScratchHolder,
    algorithm: ChecksumAlgorithm,
  ) {
    this.#sum = new JoinedChecksum(algorithm);
    this.#file = new SealedFile(directory, entropy);
    this.#quota = quota;
    this.#holder = holder;
    quota.gathers(holder);
  }

  get byteLength(): number {
    return this.#byteLength;
  }

  /**
   * Appends the next bytes, for which the quota has reserved space. All calls except the last must pass whole
   * AES blocks. Afterwards the caller may reuse the bytes. Throws `unavailable`.
   */
  async append(chunks: readonly Uint8Array[], byteLength: number, checksum: Checksum): Promise<void> {
    this.#accounted += byteLength;
    await this.#file.write(this.#byteLength, chunks);
    this.#sum.add(checksum, byteLength);
    this.#byteLength += byteLength;
  }

  /**
   * Closes the part and returns its body. Call `left` once the body is no longer needed, instead of
   * `abandon`.
   */
  leave(): StreamedBody {
    this.#quota.gathersNoMore(this.#holder);
    this.#quota.leave(this.#accounted);
    const file = this.#file;
    const byteLength = this.#byteLength;
    return { byteLength, checksum: this.#sum.checksum, stream: () => piecesOf(file, byteLength) };
  }

  /** Releases the disk space of a part that was sent. */
  async left(): Promise<void> {
    await this.#file[Symbol.asyncDispose]();
    this.#quota.left(this.#accounted);
  }

  /** Releases the disk space of a part that was not sent. */
  async abandon(): Promise<void> {
    this.#quota.gathersNoMore(this.#holder);
    await this.#file[Symbol.asyncDispose]();
    this.#quota.giveBack(this.#accounted);
  }
}

/** Yields the pieces of a body. The next piece is read while the previous one is being sent. */
async function* piecesOf(file: SealedFile, byteLength: number): AsyncIterable<Uint8Array> {
  const spaces = [0, 1].map(() => Buffer.allocUnsafeSlow(pieceBytes + aesBlockBytes));
  const read = (position: number) => {
    const space = spaces[(position / pieceBytes) % 2];
    const piece = file.read(position, Math.min(pieceBytes, byteLength - position), space);
    // A consumer that stops early does not await this piece.
    piece.catch(() => undefined);
    return piece;
  };
  let next = read(0);
  for (let position = 0; position < byteLength; position += pieceBytes) {
    const piece = await next;
    if (position + pieceBytes < byteLength) next = read(position + pieceBytes);
    yield piece;
  }
}
