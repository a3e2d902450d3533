import type { ByteStream, ByteStreamEvents } from '../byte-stream.js';

/** A byte stream whose other end is the test, without a socket. */
export class PipeStream implements ByteStream {
  #events: ByteStreamEvents | null = null;
  readonly #incoming: Uint8Array[] = [];
  #isPaused = false;
  isEnded = false;
  isClosed = false;
  /** Called with the pieces of each write of the session. */
  onWrite: (pieces: readonly Uint8Array[]) => void = () => undefined;
  /** Bytes that a slow network has not yet accepted. */
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

  /** Sends bytes from the client. */
  feed(bytes: Uint8Array): void {
    this.#incoming.push(bytes);
    this.#deliver();
  }

  /** Ends the input from the client. */
  endOfInput(): void {
    this.#events?.ended();
  }

  /** Empties the backlog. */
  drain(): void {
    this.backlogBytes = 0;
    this.#events?.drained();
  }

  /** Closes the connection. */
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
