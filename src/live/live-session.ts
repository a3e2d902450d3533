import type { Clock } from '../model/call.js';
import type { LoginFacts, SessionStatus, SessionTally } from '../model/live.js';
import { LiveTransfer } from './live-transfer.js';

/** A channel of a session: OpenSSH's ControlMaster opens several on one connection. */
export interface LiveChannel {
  readonly tally: SessionTally;
  /** Requests that are not answered yet. */
  readonly inFlight: number;
  /** Monotonic time of the last data, in milliseconds. */
  readonly lastDataMs: number;
}

/** One login: its channels and its open files. */
export class LiveSession {
  readonly id: string;
  readonly login: LoginFacts;
  /** The address or network that the bound by address counts; null for a session of sshd. */
  readonly source: string | null;
  readonly startedMs: number;
  readonly #clock: Clock;
  readonly #disconnect: () => void;
  readonly #channels = new Set<LiveChannel>();
  readonly #transfers = new Set<LiveTransfer>();
  /** Totals of the channels that have ended. */
  readonly #ended: SessionTally = { filesWritten: 0, filesRead: 0, bytesReceived: 0, bytesSent: 0 };
  #lastActivityMs: number;

  /** `disconnect` ends the client's connection. */
  constructor(
    { id, login, source }: Pick<LiveSession, 'id' | 'login' | 'source'>,
    clock: Clock,
    disconnect: () => void,
  ) {
    this.id = id;
    this.login = login;
    this.source = source;
    this.#clock = clock;
    this.#disconnect = disconnect;
    this.startedMs = clock.nowMs();
    this.#lastActivityMs = clock.monotonicMs();
  }

  /** Adds a channel. The returned function removes it. */
  addChannel(channel: LiveChannel): () => void {
    this.#channels.add(channel);
    return () => {
      if (!this.#channels.delete(channel)) return;
      this.#lastActivityMs = Math.max(this.#lastActivityMs, channel.lastDataMs);
      for (const name of tallyNames) this.#ended[name] += channel.tally[name];
    };
  }

  /** Adds an open file. */
  openTransfer(path: string, direction: 'upload' | 'download'): LiveTransfer {
    const transfer = new LiveTransfer(path, direction, this.#clock);
    this.#transfers.add(transfer);
    return transfer;
  }

  closeTransfer(transfer: LiveTransfer): void {
    this.#transfers.delete(transfer);
  }

  /** The totals of all channels so far. */
  get tally(): Readonly<SessionTally> {
    const sum = { ...this.#ended };
    for (const channel of this.#channels) for (const name of tallyNames) sum[name] += channel.tally[name];
    return sum;
  }

  disconnect(): void {
    this.#disconnect();
  }

  get status(): SessionStatus {
    const { id, login, startedMs } = this;
    const { bytesReceived, bytesSent } = this.tally;
    const channels = [...this.#channels];
    const isAnswering = channels.some(({ inFlight }) => inFlight > 0);
    const lastMs = Math.max(this.#lastActivityMs, ...channels.map(({ lastDataMs }) => lastDataMs));
    const idleMs = Math.max(0, Math.round(this.#clock.monotonicMs() - lastMs));
    const transfers = [...this.#transfers].map((transfer) => transfer.status(isAnswering));
    return { id, node: null, ...login, startedMs, idleMs, bytesReceived, bytesSent, transfers };
  }
}

const tallyNames = ['filesWritten', 'filesRead', 'bytesReceived', 'bytesSent'] as const;
