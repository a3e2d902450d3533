import { setMaxListeners } from 'node:events';
import { releaseBytes } from '../bytes/buffer-pool.js';
import type { LiveChannel } from '../live/live-session.js';
import type { Clock, Entropy, Logger } from '../model/call.js';
import { Fault } from '../model/fault.js';
import type { SessionTally } from '../model/live.js';
import type { Measures } from '../model/measures.js';
import type { Vfs } from '../model/vfs.js';
import type { ByteStream } from './byte-stream.js';
import { habitsOf } from './client-software.js';
import { disposeHandle, HandleTable } from './handle-table.js';
import type { Reply, SessionContext } from './handlers/context.js';
import { dispatch } from './handlers/dispatch.js';
import type { SessionLimits } from './limits.js';
import { PathOrder } from './path-order.js';
import { RequestCall } from './request-call.js';
import { encodeFault, faultText, logFault, shouldExplain } from './status.js';
import { announcedLimits } from './wire/constants.js';
import { FramingError, RequestDecoder } from './wire/decoder.js';
import type { Request } from './wire/requests.js';

/** Counts requests that open or close a file. */
export type SftpMeasures = Pick<Measures, 'sftpRequest'>;

export interface SessionOptions {
  readonly stream: ByteStream;
  /** The user's tree. The session disposes it. */
  readonly vfs: Vfs;
  readonly username: string;
  /** Name and version of the client's software; empty if that is not known. */
  readonly software: string;
  readonly limits: SessionLimits;
  readonly log: Logger;
  readonly clock: Clock;
  readonly entropy: Entropy;
  /** Counts requests that open or close a file. Nothing by default. */
  readonly measures?: SftpMeasures;
  /** Records a copy between open files. Nothing by default. */
  readonly copied?: SessionContext['copied'];
}

/**
 * Time for requests to end after a disconnect has cancelled them. Their handles are disposed afterwards in
 * any case.
 */
const cancellationGraceMs = 30_000;

/** Returns the bytes that a request counts towards `maxBytesInFlight`. */
function weight(request: Request): number {
  if (request.type === 'write') return request.byteLength;
  return request.type === 'read' ? Math.min(request.length, announcedLimits.readBytes) : 0;
}

/**
 * One SFTP session over a byte stream. Requests run in parallel and are answered as they end. While too many
 * requests, bytes or replies are pending, the session does not read the stream.
 */
export class SftpSession implements LiveChannel {
  readonly #options: SessionOptions;
  readonly #decoder = new RequestDecoder();
  readonly #context: SessionContext;
  readonly #tally: SessionTally = { filesWritten: 0, filesRead: 0, bytesReceived: 0, bytesSent: 0 };
  readonly #abort = new AbortController();
  readonly #inFlight = new Set<Promise<void>>();
  readonly #done: Promise<SessionTally>;
  #resolveDone: (tally: SessionTally) => void = () => undefined;
  readonly #idleWaiters: (() => void)[] = [];
  #bytesInFlight = 0;
  #lastDataMs: number;
  #isInitialised = false;
  #isPaused = false;
  #hasEnded = false;
  /** True once no more requests are read. The requests in flight are still answered. */
  #isFinishing = false;
  #isClosed = false;
  #isDraining = false;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#lastDataMs = options.clock.monotonicMs();
    this.#done = new Promise((resolve) => {
      this.#resolveDone = resolve;
    });
    this.#context = {
      vfs: options.vfs,
      username: options.username,
      sendsLinkFirst: habitsOf(options.software).sendsLinkFirst,
      handles: new HandleTable(options.limits.maxHandlesPerSession),
      paths: new PathOrder(),
      clock: options.clock,
      maxHandles: options.limits.maxHandlesPerSession,
      tally: this.#tally,
      copied: options.copied ?? (() => undefined),
      isDraining: () => this.#isDraining,
    };
    // Each request in flight may add a listener, so many listeners are not a leak.
    setMaxListeners(0, this.#abort.signal);
    options.stream.start({
      data: (chunk) => {
        if (this.#isFinishing) return;
        this.#lastDataMs = options.clock.monotonicMs();
        this.#decoder.push(chunk);
        this.#pump();
      },
      ended: () => {
        this.#hasEnded = true;
        this.#pump();
      },
      drained: () => this.#pump(),
      closed: () => void this.#close(),
      isBusy: () => this.#inFlight.size > 0 || this.#context.handles.hasFile,
    });
  }

  /** Resolves when the stream is closed and the session has released its resources. Never rejects. */
  get done(): Promise<SessionTally> {
    return this.#done;
  }

  get tally(): SessionTally {
    return this.#tally;
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  get lastDataMs(): number {
    return this.#lastDataMs;
  }

  /**
   * Refuses to open more files for writing. Resolves when no file is open for writing and no request is in
   * flight.
   */
  drain(): Promise<void> {
    this.#isDraining = true;
    return new Promise((resolve) => {
      this.#idleWaiters.push(resolve);
      this.#notifyWhenIdle();
    });
  }

  /** Answers the requests in flight, takes no more, and ends the stream. */
  finish(): void {
    this.#isFinishing = true;
    this.#pump();
  }

  #notifyWhenIdle(): void {
    if (this.#idleWaiters.length === 0) return;
    if (!this.#isClosed && (this.#inFlight.size > 0 || this.#context.handles.isWriting)) return;
    for (const resolve of this.#idleWaiters.splice(0)) resolve();
  }

  #hasCapacity(): boolean {
    const { limits, stream } = this.#options;
    return (
      this.#inFlight.size < limits.maxRequestsInFlight &&
      this.#bytesInFlight < limits.maxBytesInFlight &&
      stream.backlogBytes < limits.maxBacklogBytes
    );
  }

  /** Starts the requests that the limits allow, and pauses or resumes the stream. */
  #pump(): void {
    while (!this.#isClosed && !this.#isFinishing) {
      if (!this.#hasCapacity()) {
        if (!this.#isPaused) {
          this.#isPaused = true;
          this.#options.stream.pause();
        }
        return;
      }
      const request = this.#nextRequest();
      if (request === null) break;
      this.#start(request);
    }
    if (this.#isClosed) return;
    if (this.#hasEnded) this.#isFinishing = true;
    if (this.#isFinishing && this.#inFlight.size === 0) this.#options.stream.end();
    else if (this.#isPaused) {
      this.#isPaused = false;
      this.#options.stream.resume();
    }
  }

  #nextRequest(): Request | null {
    try {
      const request = this.#decoder.next();
      if (request !== null && !this.#isInitialised) {
        if (request.type !== 'init') throw new FramingError('the first packet is not SSH_FXP_INIT');
        this.#isInitialised = true;
      }
      return request;
    } catch (thrown) {
      if (!(thrown instanceof FramingError)) throw thrown;
      this.#options.log.info('client does not speak SFTP; closing the channel', { reason: thrown.message });
      this.#isFinishing = true;
      return null;
    }
  }

  #start(request: Request): void {
    const bytes = weight(request);
    this.#bytesInFlight += bytes;
    const running = this.#answer(request).then(() => {
      if (request.type === 'write') for (const chunk of request.chunks) releaseBytes(chunk);
      this.#bytesInFlight -= bytes;
      this.#inFlight.delete(running);
      this.#notifyWhenIdle();
      if (this.#isPaused || this.#isFinishing) this.#pump();
    });
    this.#inFlight.add(running);
  }

  /** Never rejects. */
  async #answer(request: Request): Promise<void> {
    const { entropy, log, stream } = this.#options;
    const call = new RequestCall(this.#abort.signal, entropy, log);
    let reply: Reply;
    try {
      reply = await this.#dispatch(call, request);
    } catch (thrown) {
      const fault = Fault.from(thrown);
      logFault(call, request.type, fault);
      if (request.type === 'init') return;
      reply = [encodeFault(request.id, fault, call)];
      if (shouldExplain(fault.kind, request.type)) this.#options.stream.explain(faultText(fault, call));
    }
    if (!this.#isClosed) stream.write(reply);
  }

  #dispatch(call: RequestCall, request: Request): Promise<Reply> {
    const { measures, clock } = this.#options;
    const { type } = request;
    const reply = dispatch(this.#context, call, request);
    if (measures === undefined || (type !== 'open' && type !== 'close')) return reply;
    const startedMs = clock.monotonicMs();
    return reply.finally(() => measures.sftpRequest(type, (clock.monotonicMs() - startedMs) / 1000));
  }

  async #close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const { clock, log, vfs } = this.#options;
    this.#abort.abort(new Fault('cancelled', 'the client disconnected'));
    const waitedEnough = new AbortController();
    await Promise.race([
      Promise.allSettled([...this.#inFlight]),
      clock.sleep(cancellationGraceMs, waitedEnough.signal).catch(() => undefined),
    ]);
    waitedEnough.abort();
    const held = this.#context.handles.removeAll();
    const unfinished = held.filter((handle) => handle.kind === 'write').map((handle) => handle.path);
    if (unfinished.length > 0) {
      log.info('client disconnected during uploads', {
        files: unfinished.slice(0, 10).join(' '),
        count: unfinished.length,
      });
    }
    const endings = await Promise.allSettled(held.map(disposeHandle));
    endings.push(...(await Promise.allSettled([vfs[Symbol.asyncDispose]()])));
    for (const ending of endings) {
      if (ending.status === 'rejected') {
        const fault = Fault.from(ending.reason);
        log.error('SFTP session cleanup failed', { kind: fault.kind, error: fault });
      }
    }
    this.#notifyWhenIdle();
    this.#resolveDone(this.#tally);
  }
}
