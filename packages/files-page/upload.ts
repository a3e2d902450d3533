import { type Api, failureOf, lost, RequestFailure } from './api.js';

/** A request sends this much at most, because its answer may come only after all of it was sent. */
const pieceBytes = 32 * 1024 * 1024;
const minPauseMs = 1_000;
const maxPauseMs = 30_000;
const maxContradictions = 3;
/** The rate is the mean of this time. */
const rateWindowMs = 5_000;

export type UploadState =
  | 'waiting'
  | 'sending'
  | 'storing'
  | 'reconnecting'
  | 'paused'
  | 'done'
  | 'failed'
  | 'cancelled';

/** A file that is sent in pieces. After an interruption it continues at the last byte that the gateway has. */
export class Upload {
  readonly file: File;
  readonly path: string;
  readonly #api: Api;
  readonly #changed: () => void;
  #url: string | null;
  #state: UploadState = 'waiting';
  #sent = 0;
  #problem = '';
  #request: XMLHttpRequest | null = null;
  #wake: (() => void) | null = null;
  /** Answers since the last piece that show another state than this page believes. */
  #contradictions = 0;
  /** Times in milliseconds and the bytes sent until then, the oldest first. */
  #samples: (readonly [atMs: number, bytes: number])[] = [];

  /** `url` is that of an upload to resume; null for a new one. */
  constructor(file: File, path: string, url: string | null, api: Api, changed: () => void) {
    this.file = file;
    this.path = path;
    this.#url = url;
    this.#api = api;
    this.#changed = changed;
  }

  get url(): string | null {
    return this.#url;
  }

  get state(): UploadState {
    return this.#state;
  }

  /** Why it failed, or why it has to wait. */
  get problem(): string {
    return this.#problem;
  }

  get sentBytes(): number {
    return this.#sent;
  }

  /** Bytes per second; 0 if it is not known yet. */
  get rate(): number {
    const [first] = this.#samples;
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last[0] - first[0] < 500) return 0;
    return ((last[1] - first[1]) * 1000) / (last[0] - first[0]);
  }

  get isActive(): boolean {
    return this.#state === 'sending' || this.#state === 'storing' || this.#state === 'reconnecting';
  }

  get isEnded(): boolean {
    return this.#state === 'done' || this.#state === 'failed' || this.#state === 'cancelled';
  }

  /** Sends the file until it is stored, paused, cancelled or refused. Never rejects. */
  async run(): Promise<void> {
    let pauseMs = minPauseMs;
    let isKnown = this.#url === null;
    this.#set('sending');
    while (this.#state === 'sending') {
      const { logins } = this.#api;
      try {
        if (this.#url === null) await this.#begin();
        else if (!isKnown) await this.#ask(this.#url);
        isKnown = true;
        if (this.#state !== 'sending') return;
        if (this.#sent >= this.file.size) return this.#set('done');
        await this.#sendPiece();
        pauseMs = minPauseMs;
        this.#contradictions = 0;
      } catch (error) {
        if (this.#state !== 'sending' && this.#state !== 'storing') return;
        isKnown = false;
        if (this.#api.isOfEarlierSession(error, logins)) {
          this.#set('sending');
          continue;
        }
        if (!(await this.#mayTryAgain(error, pauseMs))) return;
        pauseMs = Math.min(2 * pauseMs, maxPauseMs);
      }
    }
  }

  pause(): void {
    if (this.isEnded) return;
    this.#stop('paused');
  }

  /** Prepares a paused or failed upload to run again. */
  wait(): void {
    this.#set('waiting');
  }

  /** Ends the upload, and removes what the gateway has of it. */
  async cancel(): Promise<void> {
    this.#stop('cancelled');
    if (this.#url !== null) await this.#api.cancelUpload(this.#url);
  }

  /** Tries again at once if it waits for the connection. */
  retryNow(): void {
    this.#wake?.();
  }

  #stop(state: UploadState): void {
    this.#set(state);
    this.#request?.abort();
    this.#wake?.();
  }

  async #begin(): Promise<void> {
    const { size, lastModified } = this.file;
    this.#url = await this.#api.beginUpload(this.path, size, Math.floor(lastModified / 1000));
    this.#sent = 0;
    // The person has cancelled it before it had an address.
    if (this.#state === 'cancelled') await this.#api.cancelUpload(this.#url);
  }

  async #ask(url: string): Promise<void> {
    this.#sent = await this.#api.uploadOffset(url);
    this.#samples = [];
    this.#changed();
  }

  /** Sends one piece. The answer to the last one comes when the file is stored. */
  #sendPiece(): Promise<void> {
    const start = this.#sent;
    const piece = this.file.slice(start, start + pieceBytes);
    const request = new XMLHttpRequest();
    this.#request = request;
    return new Promise<void>((resolve, reject) => {
      request.open('PATCH', this.#url ?? '');
      for (const [name, value] of Object.entries(this.#api.headers)) request.setRequestHeader(name, value);
      request.setRequestHeader('content-type', 'application/offset+octet-stream');
      request.setRequestHeader('upload-offset', String(start));
      request.upload.addEventListener('progress', ({ loaded }) => this.#progress(start + loaded));
      request.upload.addEventListener('load', () => {
        if (start + piece.size >= this.file.size && this.#state === 'sending') this.#set('storing');
      });
      request.addEventListener('load', () => {
        if (request.status === 204) {
          this.#progress(Number(request.getResponseHeader('upload-offset')));
          if (this.#state === 'storing') this.#set('sending');
          resolve();
        } else reject(failureOf(request.status, request.responseText));
      });
      for (const event of ['error', 'abort', 'timeout'])
        request.addEventListener(event, () => reject(lost()));
      // A file that was changed or removed since cannot be read: Chromium ends the request with an error then.
      request.send(piece);
    });
  }

  /** Waits after a failure that may pass. Returns false if the upload has ended. */
  async #mayTryAgain(error: unknown, pauseMs: number): Promise<boolean> {
    const failure = error instanceof RequestFailure ? error : new RequestFailure(500, '', String(error));
    this.#problem = failure.message;
    if (failure.status === 401) {
      this.#set('paused');
      return false;
    }
    if (this.#contradictions < maxContradictions && this.#isContradiction(failure)) {
      this.#contradictions += 1;
      this.#set('sending');
      return true;
    }
    if (!failure.isPassing || !(await this.#isReadable())) {
      this.#set('failed');
      return false;
    }
    this.#set('reconnecting');
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, pauseMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = null;
    if (this.#state !== 'reconnecting') return false;
    this.#set('sending');
    return true;
  }

  /** The gateway has forgotten the upload, or has another number of bytes than this page believes. */
  #isContradiction({ kind }: RequestFailure): boolean {
    if (kind === 'not-found' && this.#url !== null) {
      this.#url = null;
      return true;
    }
    return kind === 'conflict';
  }

  async #isReadable(): Promise<boolean> {
    try {
      await this.file.slice(0, 1).arrayBuffer();
      return true;
    } catch {
      this.#problem = 'The file was changed or removed on your computer. Choose it again.';
      return false;
    }
  }

  #progress(sent: number): void {
    this.#sent = sent;
    const nowMs = performance.now();
    this.#samples.push([nowMs, sent]);
    this.#samples = this.#samples.filter(([atMs]) => nowMs - atMs <= rateWindowMs);
    this.#changed();
  }

  #set(state: UploadState): void {
    this.#state = state;
    if (state === 'sending' || state === 'done') this.#problem = '';
    this.#changed();
  }
}
