import type { Socket } from 'node:net';
import type { Clock, Logger } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { Answer, FromWorker, Post, WorkerOptions } from './messages.js';
import { isHanging, nextWorker, type StartWorker, Worker, type WorkerExit } from './worker-process.js';

const minBackOffMs = 1_000;
const maxBackOffMs = 30_000;
/** A process that ran this long is healthy: after its end the pause begins small again. */
const healthyMs = 60_000;
/** A process that does not report for this long is killed, in milliseconds. */
const deadMs = 30_000;
const checkMs = 1_000;
/** Time beyond `drain.timeout` in which a process releases what it holds, in milliseconds. */
const releaseMs = 15_000;

/** The settings of a supervisor that `reload` may change. */
export interface SupervisorSettings {
  readonly workers: number;
  readonly drainTimeoutMs: number;
  /** Connections of one process at the same time, logged in or not. */
  readonly maxConnections: number;
}

/** The dependencies of a supervisor. */
export interface SupervisorOptions {
  readonly settings: SupervisorSettings;
  readonly start: StartWorker;
  /** The options of each process, without those of its place. */
  readonly common: Pick<WorkerOptions, 'root' | 'embedded' | 'logLevel' | 's3Endpoint'>;
  /** Slots that earlier processes have used. */
  readonly usedSlots: readonly number[];
  readonly output: (line: string) => void;
  readonly log: Logger;
  readonly clock: Clock;
}

/**
 * Keeps the processes of a gateway running, and gives each connection to one of them. One process is the lead: it does
 * the work that exists once on a machine. The supervisor has no part in the work itself.
 */
export class Supervisor implements Disposable {
  readonly #options: SupervisorOptions;
  readonly #workers = new Map<number, Worker>();
  /** Time of the next pause before a start, by slot. */
  readonly #backOffMs = new Map<number, number>();
  readonly #stop = new AbortController();
  readonly #exits = new Map<Worker, PromiseWithResolvers<void>>();
  readonly #readiness = new Map<Worker, PromiseWithResolvers<void>>();
  readonly #check: NodeJS.Timeout;
  #settings: SupervisorSettings;
  #lead: number | null = null;
  /** The lead is given to the next ready process only when the last one has given it up. */
  #resigning: Worker | null = null;
  #last = 0;
  /** True after the first process was ready: from then on, ended processes start again. */
  #hasStarted = false;
  #reloading: Promise<void> | null = null;
  #reloadsAgain: SupervisorSettings | null = null;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#settings = options.settings;
    this.#check = setInterval(() => this.#endHanging(), checkMs).unref();
  }

  /** Starts all processes, the first one alone: it may change the tables. Throws its fault if it cannot start. */
  async start(): Promise<void> {
    const { usedSlots } = this.#options;
    const { workers: count } = this.#settings;
    const leftSlots = usedSlots.filter((slot) => slot > count);
    const first = this.#startWorker(1, { isFirst: true, leftSlots });
    await this.#ready(first);
    const others = Array.from({ length: count - 1 }, (_, index) => this.#startWorker(index + 2));
    // A failure is logged, and the process starts again.
    await Promise.allSettled(others.map((worker) => this.#ready(worker)));
  }

  /** The processes that serve clients now. */
  get readyCount(): number {
    return this.#all().filter(({ state }) => state === 'ready').length;
  }

  /** Gives a new connection to a process. */
  pass(socket: Socket): void {
    const worker = nextWorker(this.#all(), this.#last, this.#options.clock.monotonicMs());
    if (worker === null || worker.connections >= this.#settings.maxConnections) {
      socket.destroy();
      return;
    }
    this.#last = worker.slot;
    worker.connections += 1;
    worker.child.send({ kind: 'connection' }, socket);
  }

  /** Sends a message to the lead, if there is one. */
  tellLead(topic: string, body: unknown): void {
    const lead = this.#lead === null ? undefined : this.#workers.get(this.#lead);
    lead?.child.send({ kind: 'post', from: 0, to: lead.slot, topic, id: null, body });
  }

  /**
   * Replaces the processes one by one: the new one is ready before the old one drains. A process that does not start
   * ends the reload. A call during a reload is carried out after it, and further ones with that.
   */
  reload(settings: SupervisorSettings): Promise<void> {
    if (this.#reloading !== null) {
      this.#reloadsAgain = settings;
      return this.#reloading;
    }
    this.#reloading = this.#reloadAll(settings).finally(() => {
      this.#reloading = null;
    });
    return this.#reloading;
  }

  /** Ends all processes. Until then they get the connections that are passed. They have `drain.timeout` for it. */
  async drain(): Promise<void> {
    this.#stop.abort();
    const all = this.#all();
    for (const { child } of all) child.send({ kind: 'drain', isReload: false });
    await Promise.all(all.map((worker) => this.#ended(worker)));
  }

  /** Ends the wait of `drain`. */
  endNow(): void {
    for (const worker of this.#all()) worker.child.send({ kind: 'end' });
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
    clearInterval(this.#check);
    for (const worker of this.#all()) worker.child.kill('SIGKILL');
  }

  #all(): readonly Worker[] {
    return [...this.#workers.values()];
  }

  #startWorker(slot: number, first: Pick<WorkerOptions, 'isFirst' | 'leftSlots'> | null = null): Worker {
    const { start, common, clock, log } = this.#options;
    const place = { slot, count: this.#settings.workers };
    const isLead = first !== null;
    const { isFirst, leftSlots } = first ?? { isFirst: false, leftSlots: [] };
    const child = start({ ...common, task: 'gateway', place, isFirst, leftSlots, isLead });
    const worker = new Worker(slot, child, clock.monotonicMs());
    this.#workers.set(slot, worker);
    if (isLead) this.#lead = slot;
    log.info('worker started', { worker: slot, pid: child.pid });
    child.onMessage((message) => this.#received(worker, message));
    child.onExit((exit) => this.#exited(worker, exit));
    return worker;
  }

  #received(worker: Worker, message: FromWorker): void {
    worker.aliveMs = this.#options.clock.monotonicMs();
    switch (message.kind) {
      case 'ready':
        if (worker.state === 'starting') worker.state = 'ready';
        this.#readiness.get(worker)?.resolve();
        this.#shareMembers();
        break;
      case 'failed':
        worker.failure = message.fault;
        break;
      case 'resigned':
        if (this.#lead === worker.slot) this.#lead = null;
        if (this.#resigning === worker) this.#resigning = null;
        this.#shareMembers();
        break;
      case 'closed':
        worker.connections = Math.max(0, worker.connections - 1);
        break;
      case 'output':
        this.#options.output(message.line);
        break;
      case 'post':
      case 'answer':
        this.#forward(message);
        break;
      case 'alive':
        break;
    }
  }

  /** Drops messages to a process that hangs, so that they do not fill the memory. */
  #forward(message: Post | Answer): void {
    const to = this.#workers.get(message.to);
    if (to !== undefined && !isHanging(to, this.#options.clock.monotonicMs())) to.child.send(message);
  }

  /** Chooses a lead if there is none, and tells all processes who runs. */
  #shareMembers(): void {
    const ready = this.#all().filter(({ state }) => state === 'ready');
    if (this.#lead === null && this.#resigning === null && !this.#stop.signal.aborted) {
      // The newest one stays longest when a reload replaces them in turn.
      this.#lead = ready.at(-1)?.slot ?? null;
    }
    const slots = this.#all()
      .filter(({ state }) => state !== 'starting')
      .map(({ slot }) => slot);
    for (const { child } of this.#all()) child.send({ kind: 'members', slots, lead: this.#lead });
  }

  #exited(worker: Worker, exit: WorkerExit): void {
    const { log, clock } = this.#options;
    if (this.#workers.get(worker.slot) === worker) this.#workers.delete(worker.slot);
    if (this.#lead === worker.slot) this.#lead = null;
    if (this.#resigning === worker) this.#resigning = null;
    const { slot, state, failure, startedMs } = worker;
    const cause = failure?.text ?? null;
    this.#readiness.get(worker)?.reject(faultOf(worker, exit));
    this.#readiness.delete(worker);
    this.#exits.get(worker)?.resolve();
    this.#exits.delete(worker);
    this.#shareMembers();
    if (state === 'retiring' || this.#stop.signal.aborted) {
      log.info('worker ended', { worker: slot });
      return;
    }
    log.error('worker ended unexpectedly', { worker: slot, code: exit.code ?? exit.signal, cause });
    if (clock.monotonicMs() - startedMs >= healthyMs) this.#backOffMs.delete(slot);
    if (this.#hasStarted) void this.#startAgain(slot);
  }

  /** Never rejects. */
  async #startAgain(slot: number): Promise<void> {
    const pauseMs = this.#backOffMs.get(slot) ?? minBackOffMs;
    this.#backOffMs.set(slot, Math.min(maxBackOffMs, 2 * pauseMs));
    try {
      await this.#options.clock.sleep(pauseMs, this.#stop.signal);
    } catch {
      return;
    }
    // A reload may have replaced it, or wants fewer.
    const serving = this.#all().filter(({ state }) => state !== 'retiring').length;
    if (serving >= this.#settings.workers || this.#workers.has(slot)) return;
    this.#startWorker(slot);
  }

  /** Resolves when a process is ready. Rejects with its fault if it ends before. */
  async #ready(worker: Worker): Promise<void> {
    const readiness = Promise.withResolvers<void>();
    this.#readiness.set(worker, readiness);
    await readiness.promise;
    this.#hasStarted = true;
  }

  async #reloadAll(first: SupervisorSettings): Promise<void> {
    let settings: SupervisorSettings | null = first;
    while (settings !== null && !this.#stop.signal.aborted) {
      this.#reloadsAgain = null;
      this.#settings = settings;
      const old = this.#all().filter(({ state }) => state !== 'retiring');
      try {
        for (let index = 0; index < settings.workers; index++) {
          if (this.#stop.signal.aborted) return;
          await this.#ready(this.#startWorker(this.#freeSlot()));
          const replaced = old[index];
          if (replaced !== undefined) this.#retire(replaced);
          if (replaced !== undefined) await this.#ended(replaced);
        }
        for (const worker of old.slice(settings.workers)) this.#retire(worker);
        this.#options.log.info('workers replaced', { workers: settings.workers });
      } catch (error) {
        this.#options.log.error('reload ended: a new worker did not start', { error: Fault.from(error) });
      }
      settings = this.#reloadsAgain;
    }
  }

  #freeSlot(): number {
    let slot = 1;
    while (this.#workers.has(slot)) slot += 1;
    return slot;
  }

  /** Asks a process to end. It gives up the lead first. */
  #retire(worker: Worker): void {
    worker.state = 'retiring';
    if (this.#lead === worker.slot) this.#resigning = worker;
    worker.child.send({ kind: 'drain', isReload: true });
  }

  /** Resolves when a process that drains has ended. Kills it if it needs too long. */
  async #ended(worker: Worker): Promise<void> {
    if (this.#workers.get(worker.slot) !== worker) return;
    const exit = this.#exits.get(worker) ?? Promise.withResolvers<void>();
    this.#exits.set(worker, exit);
    const timer = setTimeout(() => {
      this.#options.log.error('worker killed: it did not end in time', { worker: worker.slot });
      worker.child.kill('SIGKILL');
    }, this.#settings.drainTimeoutMs + releaseMs);
    await exit.promise;
    clearTimeout(timer);
  }

  #endHanging(): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const worker of this.#all()) {
      if (worker.state !== 'ready' || nowMs - worker.aliveMs < deadMs) continue;
      this.#options.log.error('worker killed: it does not respond', { worker: worker.slot });
      worker.child.kill('SIGKILL');
    }
  }
}

function faultOf({ slot, failure }: Worker, { code, signal }: WorkerExit): Fault {
  if (failure !== null) return new Fault(failure.kind, failure.text);
  return new Fault('bug', `worker ${slot} ended with ${code ?? signal} before it was ready: see the log`);
}
