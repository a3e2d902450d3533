import type { ByteStream, ByteStreamEvents } from '../byte-stream.js';

/** A byte stream whose other end is the test: no sockets, and every hand-over in a turn of its own. */
export class PipeStream implements ByteStream {
  #events: ByteStreamEvents | null = null;
  readonly #incoming: Uint8Array[] = [];
  #isPaused = false;
  isEnded = false;
  isClosed = false;
  /** What the session wrote, as it wrote it. */
  onWrite: (pieces: readonly Uint8Array[]) => void = () => undefined;
  /** What a slow network has not taken. */
  backlogBytes = 0;

  get isPaused(): boolean {
    return this.#isPaused;
  }

  start(events: ByteStreamEvents): void {
    this.#events = events;
    this.#deliver();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    setImmediate(() => this.#deliver());
  }

  write(pieces: readonly Uint8Array[]): void {
    if (!this.isClosed) this.onWrite(pieces);
  }

  readonly explained: string[] = [];

  explain(sentence: string): void {
    this.explained.push(sentence);
  }

  end(): void {
    this.isEnded = true;
    this.close();
  }

  /** The client sends bytes. */
  feed(bytes: Uint8Array): void {
    this.#incoming.push(bytes);
    this.#deliver();
  }

  /** The client sends no more. */
  endOfInput(): void {
    this.#events?.ended();
  }

  /** The network has taken all. */
  drain(): void {
    this.backlogBytes = 0;
    this.#events?.drained();
  }

  /** The connection is gone. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#events?.closed();
  }

  #deliver(): void {
    while (!this.#isPaused && !this.isClosed && this.#events !== null) {
      const chunk = this.#incoming.shift();
      if (chunk === undefined) return;
      this.#events.data(chunk);
    }
  }
}
