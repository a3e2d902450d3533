import { JoinedChecksum } from '../../bytes/joined-checksum.js';
import type { Entropy } from '../../model/call.js';
import type { Checksum, ChecksumAlgorithm } from '../../model/checksum.js';
import type { StreamedBody } from '../../model/object-store.js';
import type { ScratchHolder, ScratchQuota } from './scratch-quota.js';
import { aesBlockBytes, SealedFile } from './sealed-file.js';

/** What one read of a body brings; some of them of each body are in memory, beside what its socket holds. */
const pieceBytes = 256 * 1024;

/** A part that is larger than what memory is meant to hold: gathered in an encrypted file, sent from there. */
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
   * Adds the next bytes, for which the quota has given room; all calls but the last bring whole AES blocks. The bytes
   * may be reused afterwards. Throws `unavailable`.
   */
  async append(chunks: readonly Uint8Array[], byteLength: number, checksum: Checksum): Promise<void> {
    this.#accounted += byteLength;
    await this.#file.write(this.#byteLength, chunks);
    this.#sum.add(checksum, byteLength);
    this.#byteLength += byteLength;
  }

  /** Nothing is added any more. Say `left` when the body is not needed any more, instead of `abandon`. */
  leave(): StreamedBody {
    this.#quota.gathersNoMore(this.#holder);
    this.#quota.leave(this.#accounted);
    const file = this.#file;
    const byteLength = this.#byteLength;
    return { byteLength, checksum: this.#sum.checksum, stream: () => piecesOf(file, byteLength) };
  }

  /** Gives the disk back. */
  async left(): Promise<void> {
    await this.#file[Symbol.asyncDispose]();
    this.#quota.left(this.#accounted);
  }

  /** Gives the disk back of a part that was not sent. */
  async abandon(): Promise<void> {
    this.#quota.gathersNoMore(this.#holder);
    await this.#file[Symbol.asyncDispose]();
    this.#quota.giveBack(this.#accounted);
  }
}

/** The disk is read while the network sends. */
async function* piecesOf(file: SealedFile, byteLength: number): AsyncIterable<Uint8Array> {
  const spaces = [0, 1].map(() => Buffer.allocUnsafeSlow(pieceBytes + aesBlockBytes));
  const read = (position: number) => {
    const space = spaces[(position / pieceBytes) % 2];
    const piece = file.read(position, Math.min(pieceBytes, byteLength - position), space);
    // Whoever leaves early asks for no further piece.
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
