import type { ChunkSignatures } from './chunk-signatures.js';
import { bodyTerminated, invalidChunkSize, malformedTrailer, wrongDecodedLength } from './refusals.js';
import { parseTrailers } from './trailers.js';

export interface ChunkFraming {
  /** Verifies the signatures of the chunks; null for unsigned ones. */
  readonly signatures: ChunkSignatures | null;
  /** The lower-case names of the announced trailers; null if the body may have none. */
  readonly trailers: ReadonlySet<string> | null;
  /** The sum of the chunks' sizes, in bytes. */
  readonly decodedLength: number;
}

const CR = 0x0d;
const LF = 0x0a;

/**
 * S3 refuses smaller chunks before the last one (sigv4-streaming.html), which limits the number of
 * signatures.
 */
const minChunkSize = 8192;

/** The header of a chunk has at most 16 digits, `;chunk-signature=`, 64 digits, and the line end. */
const maxHeaderLength = 100;

/** More than any checksums and their signature need. */
const maxTrailersLength = 16_384;

type State = 'header' | 'payload' | 'payload-end' | 'trailers';

/**
 * Removes `aws-chunked` framing from pieces of any size. It yields views of the pieces and keeps
 * none of the payload, however large the chunks are.
 */
export class ChunkDecoder {
  readonly #framing: ChunkFraming;
  #state: State = 'header';
  /** The start of a header, or of the trailers, at the end of the last piece. */
  #carried = '';
  #signature = '';
  #chunkSize = 0;
  #chunks = 0;
  /** Missing bytes of the current chunk; in `payload-end`, missing bytes of the CR LF after it. */
  #remaining = 0;
  #decoded = 0;

  constructor(framing: ChunkFraming) {
    this.#framing = framing;
  }

  /**
   * Decodes the next piece of the body and yields its payload. Yields the last bytes of a signed
   * chunk only after its signature was verified.
   *
   * @throws S3AuthError IncompleteBody for broken framing, SignatureDoesNotMatch,
   *   InvalidChunkSizeError
   */
  *feed(piece: Uint8Array): Generator<Uint8Array, void, undefined> {
    let at = 0;
    while (at < piece.length) {
      switch (this.#state) {
        case 'header':
          at = this.#readHeader(piece, at);
          break;
        case 'payload': {
          const payload = piece.subarray(at, at + this.#remaining);
          at += payload.length;
          this.#takePayload(payload);
          yield payload;
          break;
        }
        case 'payload-end':
          if (piece[at] !== (this.#remaining === 2 ? CR : LF)) throw bodyTerminated();
          at += 1;
          this.#remaining -= 1;
          if (this.#remaining === 0) this.#state = 'header';
          break;
        case 'trailers':
          if (this.#carried.length + piece.length - at > maxTrailersLength) throw malformedTrailer();
          this.#carried += textOf(piece, at, piece.length);
          at = piece.length;
          break;
      }
    }
  }

  /**
   * Ends the body.
   *
   * @returns the trailers, by lower-case name
   * @throws S3AuthError IncompleteBody if chunks are missing, MalformedTrailerError,
   *   SignatureDoesNotMatch
   */
  finish(): ReadonlyMap<string, string> {
    if (this.#state !== 'trailers') throw bodyTerminated();
    const { signatures, trailers: declared } = this.#framing;
    const trailers = parseTrailers(this.#carried, declared ?? new Set());
    const mustBeSigned = signatures !== null && declared !== null;
    if (mustBeSigned !== (trailers.signature !== null)) throw malformedTrailer();
    if (trailers.signature !== null) signatures?.endTrailers(trailers.lines, trailers.signature);
    return trailers.values;
  }

  #readHeader(piece: Uint8Array, at: number): number {
    const end = piece.indexOf(LF, at);
    const stop = end < 0 ? piece.length : end + 1;
    if (this.#carried.length + stop - at > maxHeaderLength) throw bodyTerminated();
    const text = this.#carried + textOf(piece, at, stop);
    this.#carried = end < 0 ? text : '';
    if (end >= 0) this.#beginChunk(text);
    return stop;
  }

  #beginChunk(header: string): void {
    const { signatures, decodedLength } = this.#framing;
    const form =
      signatures === null
        ? /^([0-9A-Fa-f]{1,16})\r\n$/
        : /^([0-9A-Fa-f]{1,16});chunk-signature=([0-9a-f]{64})\r\n$/;
    const match = form.exec(header);
    if (match === null) throw bodyTerminated();
    const size = Number.parseInt(match[1] as string, 16);
    if (size > 0 && this.#chunks > 0 && this.#chunkSize < minChunkSize) {
      throw invalidChunkSize(this.#chunks + 1, this.#chunkSize);
    }
    this.#chunks += 1;
    this.#chunkSize = size;
    this.#signature = match[2] ?? '';
    if (this.#decoded + size > decodedLength) throw wrongDecodedLength(decodedLength, this.#decoded + size);
    if (size > 0) {
      this.#state = 'payload';
      this.#remaining = size;
      return;
    }
    signatures?.endChunk(this.#signature);
    if (this.#decoded !== decodedLength) throw wrongDecodedLength(decodedLength, this.#decoded);
    this.#state = 'trailers';
  }

  #takePayload(payload: Uint8Array): void {
    const { signatures } = this.#framing;
    signatures?.update(payload);
    this.#decoded += payload.length;
    this.#remaining -= payload.length;
    if (this.#remaining > 0) return;
    signatures?.endChunk(this.#signature);
    this.#state = 'payload-end';
    this.#remaining = 2;
  }
}

function textOf(piece: Uint8Array, from: number, to: number): string {
  return Buffer.from(piece.buffer, piece.byteOffset + from, to - from).toString('latin1');
}
