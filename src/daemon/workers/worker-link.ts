import { Socket } from 'node:net';
import { Fault } from '../../model/fault.js';
import type { WorkerPlace } from '../../model/nodes.js';
import type { IncomingConnections } from '../../sftp/ssh-server.js';
import type { Answer, FromWorker, Post, ToWorker } from './messages.js';

/** Answers a message of another process. */
export type PostHandler = (body: unknown, from: number) => Promise<unknown>;

/** The channel between a process and its supervisor: `process`, or another one in tests. */
export interface SupervisorChannel {
  send(message: FromWorker): void;
  onMessage(listener: (message: ToWorker, handle: unknown) => void): void;
}

interface Waiting {
  readonly to: number;
  readonly resolve: (body: unknown) => void;
  readonly reject: (fault: Fault) => void;
  readonly timer: NodeJS.Timeout;
}

/** Questions that wait for their answers. */
const maxWaiting = 1_000;
const aliveMs = 1_000;

/**
 * A process of the supervisor, as it sees the supervisor and the other processes. Messages are delivered at most once,
 * and in order between two processes.
 */
export class WorkerLink implements IncomingConnections, Disposable {
  readonly place: WorkerPlace;
  /** Resolves when this process becomes the lead. */
  readonly leading: Promise<void>;
  /** Called when another process has ended, or the lead has changed. */
  readonly #membersChanged = new Set<() => void>();
  readonly #channel: SupervisorChannel;
  readonly #handlers = new Map<string, PostHandler>();
  readonly #waiting = new Map<number, Waiting>();
  readonly #alive: NodeJS.Timeout;
  readonly #lead = Promise.withResolvers<void>();
  readonly #draining = Promise.withResolvers<{ readonly isReload: boolean }>();
  readonly #end = Promise.withResolvers<void>();
  #accept: ((socket: Socket) => void) | null = null;
  /** Connections from before the server started. */
  #early: Socket[] = [];
  #members: readonly number[] = [];
  #leadSlot: number | null = null;
  #nextId = 1;

  constructor(place: WorkerPlace, isLead: boolean, channel: SupervisorChannel) {
    this.place = place;
    this.leading = this.#lead.promise;
    this.#channel = channel;
    if (isLead) this.#setMembers([place.slot], place.slot);
    channel.onMessage((message, handle) => this.#received(message, handle));
    this.#alive = setInterval(() => this.send({ kind: 'alive' }), aliveMs).unref();
  }

  get isLead(): boolean {
    return this.#leadSlot === this.place.slot;
  }

  /** Resolves when the process is to drain and end. */
  get draining(): Promise<{ readonly isReload: boolean }> {
    return this.#draining.promise;
  }

  /** Resolves when the process is to end at once. */
  get end(): Promise<void> {
    return this.#end.promise;
  }

  send(message: FromWorker): void {
    this.#channel.send(message);
  }

  /** The process drains as if the supervisor had asked for it. */
  drain(): void {
    this.#draining.resolve({ isReload: false });
  }

  onConnection(accept: (socket: Socket) => void): void {
    this.#accept = accept;
    for (const socket of this.#early.splice(0)) accept(socket);
  }

  /** Answers messages with this topic. */
  answer(topic: string, handler: PostHandler): void {
    this.#handlers.set(topic, handler);
  }

  /** Calls the listener when the processes or their lead have changed. */
  onMembers(listener: () => void): void {
    this.#membersChanged.add(listener);
  }

  /** The slots of all processes that serve clients, with this one. */
  get members(): readonly number[] {
    return this.#members;
  }

  get lead(): number | null {
    return this.#leadSlot;
  }

  /** Sends a message to a process that need not answer. */
  tell(to: number, topic: string, body: unknown): void {
    this.send({ kind: 'post', from: this.place.slot, to, topic, id: null, body });
  }

  /** Sends a message to all other processes, which need not answer. */
  tellOthers(topic: string, body: unknown): void {
    for (const slot of this.#others()) this.tell(slot, topic, body);
  }

  /**
   * Asks a process. Throws the fault of its answer, and `unavailable` if it has ended, does not answer in time, or
   * too many questions wait.
   */
  ask(to: number, topic: string, body: unknown, timeoutMs: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.size >= maxWaiting) {
        reject(unanswered(to));
        return;
      }
      const id = this.#nextId++;
      const timer = setTimeout(() => this.#settle(id)?.reject(unanswered(to)), timeoutMs).unref();
      this.#waiting.set(id, { to, resolve, reject, timer });
      this.send({ kind: 'post', from: this.place.slot, to, topic, id, body });
    });
  }

  /** Asks all other processes. Leaves out those that do not answer in time. */
  async askOthers(topic: string, body: unknown, timeoutMs: number): Promise<readonly unknown[]> {
    const answers = this.#others().map((slot) => this.ask(slot, topic, body, timeoutMs));
    const settled = await Promise.allSettled(answers);
    return settled.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  }

  [Symbol.dispose](): void {
    clearInterval(this.#alive);
    for (const id of [...this.#waiting.keys()]) this.#settle(id)?.reject(unanswered(this.place.slot));
  }

  #others(): readonly number[] {
    return this.#members.filter((slot) => slot !== this.place.slot);
  }

  #received(message: ToWorker, handle: unknown): void {
    switch (message.kind) {
      case 'connection':
        this.#connected(handle);
        break;
      case 'members':
        this.#setMembers(message.slots, message.lead);
        break;
      case 'drain':
        this.#draining.resolve({ isReload: message.isReload });
        break;
      case 'end':
        this.#end.resolve();
        break;
      case 'post':
        void this.#answer(message);
        break;
      case 'answer':
        this.#answered(message);
        break;
    }
  }

  #connected(handle: unknown): void {
    if (!(handle instanceof Socket)) {
      this.send({ kind: 'closed' });
      return;
    }
    handle.once('close', () => this.send({ kind: 'closed' }));
    if (this.#accept !== null) this.#accept(handle);
    else this.#early.push(handle);
  }

  #setMembers(slots: readonly number[], lead: number | null): void {
    this.#members = slots;
    this.#leadSlot = lead;
    if (this.isLead) this.#lead.resolve();
    for (const [id, { to }] of this.#waiting)
      if (!slots.includes(to)) this.#settle(id)?.reject(unanswered(to));
    for (const listener of this.#membersChanged) listener();
  }

  /** Never rejects. */
  async #answer({ from, topic, id, body }: Post): Promise<void> {
    const reply = (rest: Pick<Answer, 'body' | 'fault'>) => {
      if (id !== null) this.send({ kind: 'answer', to: from, id, ...rest });
    };
    try {
      const handler = this.#handlers.get(topic);
      if (handler === undefined) throw new Fault('unavailable', `this process does not answer ${topic} yet`);
      const answer: Promise<unknown> = handler(body, from);
      reply({ body: (await answer) ?? null });
    } catch (error) {
      const { kind, hint: text } = Fault.from(error);
      reply({ fault: { kind, text } });
    }
  }

  #answered({ id, body, fault }: Answer): void {
    const waiting = this.#settle(id);
    if (fault === undefined) waiting?.resolve(body);
    else waiting?.reject(new Fault(fault.kind, fault.text));
  }

  #settle(id: number): Waiting | null {
    const waiting = this.#waiting.get(id) ?? null;
    if (waiting !== null) clearTimeout(waiting.timer);
    this.#waiting.delete(id);
    return waiting;
  }
}

function unanswered(slot: number): Fault {
  return new Fault('unavailable', `the process ${slot} of the gateway does not answer: try again`);
}

/** Returns the channel of a process that was started with one. */
export function processChannel(): SupervisorChannel {
  return {
    send: (message) => {
      if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
    },
    onMessage: (listener) =>
      void process.on('message', (message, handle) => listener(message as ToWorker, handle)),
  };
}
