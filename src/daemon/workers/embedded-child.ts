import type { ListenAddress } from '../../config/values.js';
import type { Logger } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { WorkerOptions } from './messages.js';
import type { StartWorker, WorkerChild } from './worker-process.js';

const restartMs = 1_000;
const closeTimeoutMs = 10_000;

/** The dependencies of an `EmbeddedChild`. */
export interface EmbeddedChildOptions {
  readonly start: StartWorker;
  readonly common: Pick<WorkerOptions, 'root' | 'logLevel' | 's3Listen'>;
  /** Receives what the server reports to the lead. */
  readonly tellLead: (topic: string, body: unknown) => void;
  readonly log: Logger;
}

/** The process of the embedded S3 server beside several workers. It starts again at the same address if it ends. */
export class EmbeddedChild implements AsyncDisposable {
  readonly endpoint: string;
  readonly #options: EmbeddedChildOptions;
  #child: WorkerChild;
  #isClosing = false;
  #restart: NodeJS.Timeout | null = null;

  private constructor(options: EmbeddedChildOptions, child: WorkerChild, endpoint: string) {
    this.#options = options;
    this.endpoint = endpoint;
    this.#child = child;
    this.#watch(child);
  }

  /** Starts the process. Throws its fault if it cannot start. */
  static async start(options: EmbeddedChildOptions): Promise<EmbeddedChild> {
    const child = spawn(options, options.common.s3Listen);
    const endpoint = await new Promise<string>((resolve, reject) => {
      let fault = new Fault('bug', 'the process of the embedded S3 server ended: see the log');
      child.onMessage((message) => {
        if (message.kind === 'ready' && message.s3Endpoint !== null) resolve(message.s3Endpoint);
        if (message.kind === 'failed') fault = new Fault(message.fault.kind, message.fault.text);
      });
      child.onExit(() => reject(fault));
    });
    return new EmbeddedChild(options, child, endpoint);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosing = true;
    if (this.#restart !== null) clearTimeout(this.#restart);
    const child = this.#child;
    const ended = new Promise<void>((resolve) => child.onExit(() => resolve()));
    child.send({ kind: 'drain', isReload: false });
    const timer = setTimeout(() => child.kill('SIGKILL'), closeTimeoutMs);
    if (child.isRunning) await ended;
    clearTimeout(timer);
  }

  #watch(child: WorkerChild): void {
    child.onMessage((message) => {
      if (message.kind === 'post') this.#options.tellLead(message.topic, message.body);
    });
    child.onExit(() => {
      if (this.#isClosing) return;
      this.#options.log.error('embedded S3 server ended unexpectedly', { endpoint: this.endpoint });
      this.#restart = setTimeout(() => this.#startAgain(), restartMs);
    });
  }

  #startAgain(): void {
    const { hostname, port } = new URL(this.endpoint);
    this.#child = spawn(this.#options, { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) });
    this.#watch(this.#child);
  }
}

function spawn({ start, common }: EmbeddedChildOptions, s3Listen: ListenAddress | undefined): WorkerChild {
  return start({
    root: common.root,
    embedded: true,
    task: 'embedded-s3',
    place: { slot: 0, count: 1 },
    isFirst: false,
    isLead: false,
    leftSlots: [],
    s3Endpoint: null,
    ...(common.logLevel === undefined ? {} : { logLevel: common.logLevel }),
    ...(s3Listen === undefined ? {} : { s3Listen }),
  });
}
