import { type Clock, systemClock } from '../../transport/clock.js';
import { silentLog } from '../../transport/events.js';
import { Message } from '../../wire/message-numbers.js';
import { ConnectionLayer, type ConnectionOptions } from '../connection-layer.js';
import { type ConnectionLimits, defaultConnectionLimits } from '../limits.js';
import { SendTurns } from '../send-turns.js';
import type { SessionRequest, SshChannel } from '../ssh-channel.js';
import { UnsentMemory } from '../unsent-memory.js';
import { WindowBudget } from '../window-budget.js';
import { client } from './client-messages.js';
import { CountingSlabs } from './counting-slabs.js';
import { MemorySender } from './memory-sender.js';

/** One session as the application sees it, with everything that it received. */
export interface TestSession {
  readonly channel: SshChannel;
  readonly request: SessionRequest;
  readonly refuse: (text: string) => void;
  readonly received: Buffer[];
  readonly events: string[];
  /** Ends the application's side of the session. */
  readonly finish: () => void;
}

export interface TestConnectionOptions {
  readonly limits?: Partial<ConnectionLimits>;
  readonly windowBudget?: WindowBudget;
  readonly turns?: SendTurns;
  readonly clock?: Clock;
  /** False leaves the channel for the test to start. */
  readonly startsChannels?: boolean;
  readonly options?: Partial<ConnectionOptions>;
}

/** A connection layer over a sender that records, with an application that records. */
export class TestConnection {
  readonly sender = new MemorySender();
  readonly slabs = new CountingSlabs();
  readonly sessions: TestSession[] = [];
  readonly limits: ConnectionLimits;
  readonly budget: WindowBudget;
  readonly layer: ConnectionLayer;
  readonly #startsChannels: boolean;

  constructor(options: TestConnectionOptions = {}) {
    this.limits = { ...defaultConnectionLimits, keepAliveIntervalMs: 0, ...options.limits };
    this.budget = options.windowBudget ?? new WindowBudget(this.limits.maxWindowTotalBytes);
    this.#startsChannels = options.startsChannels ?? true;
    this.layer = new ConnectionLayer({
      sender: this.sender,
      slabs: this.slabs,
      limits: this.limits,
      windowBudget: this.budget,
      unsent: new UnsentMemory(this.limits.maxUnsentTotalBytes),
      turns: options.turns ?? new SendTurns(this.limits),
      hostKeys: { announcement: null, prove: () => null },
      onSession: (channel, request, refuse) => this.#accept(channel, request, refuse),
      refusalText: 'only SFTP is served',
      log: silentLog,
      clock: options.clock ?? systemClock,
      ...options.options,
    });
  }

  /** Delivers messages of the client. */
  receive(...messages: readonly Buffer[]): void {
    for (const message of messages) this.layer.message(message[0] ?? 0, message);
  }

  /** Opens a channel with an SFTP session. Returns the session. */
  openSftp(number = 0, windowBytes = 2 ** 21, packetBytes = 2 ** 15): TestSession {
    this.receive(client.open(100 + number, windowBytes, packetBytes), client.subsystem(number));
    this.sender.take();
    const session = this.sessions.at(-1);
    if (session === undefined) throw new Error('no session was opened');
    return session;
  }

  /** Returns the data that was sent on the client's channel, and forgets all messages. */
  takeData(peerNumber = 100): Buffer {
    const messages = this.sender
      .take(Message.channelData)
      .filter((message) => message.readUInt32BE(1) === peerNumber);
    return Buffer.concat(messages.map((message) => message.subarray(9)));
  }

  #accept(channel: SshChannel, request: SessionRequest, refuse: (text: string) => void): Promise<void> {
    return new Promise((resolve) => {
      const received: Buffer[] = [];
      const events: string[] = [];
      this.sessions.push({ channel, request, refuse, received, events, finish: resolve });
      if (!this.#startsChannels) return;
      channel.start({
        data: (chunk) => received.push(Buffer.from(chunk)),
        ended: () => events.push('ended'),
        drained: () => events.push('drained'),
        closed: () => {
          events.push('closed');
          resolve();
        },
      });
    });
  }
}

/** Resolves after the first sending of this turn of the event loop. */
export function afterCallback(): Promise<void> {
  return new Promise((resolve) => {
    process.nextTick(resolve);
  });
}

/** Resolves in the next turn of the event loop, after its first sending. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
