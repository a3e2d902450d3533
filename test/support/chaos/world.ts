import { setTimeout as delay } from 'node:timers/promises';
import type { TestUser } from '../gateway.js';
import type { SeededRandom } from '../random.js';
import { Content } from './file-model.js';

/** Flags with which a client notices a silent server, as people set them. */
export const patience = [
  '-o',
  'ConnectTimeout=10',
  '-o',
  'ServerAliveInterval=5',
  '-o',
  'ServerAliveCountMax=3',
];

/** State that all clients of a run share. */
export class ChaosWorld {
  readonly random: SeededRandom;
  readonly #stop = new AbortController();
  #contents = 0;
  /** Everything that must not happen. */
  readonly wrong: string[] = [];
  /** Operations that the gateway acknowledged, by kind. */
  readonly done = new Map<string, number>();
  /** Operations that failed, by the message. */
  readonly failed = new Map<string, number>();

  constructor(random: SeededRandom) {
    this.random = random;
  }

  get isOver(): boolean {
    return this.#stop.signal.aborted;
  }

  end(): void {
    this.#stop.abort();
  }

  /** Returns a content that no other file has. */
  content(size: number): Content {
    this.#contents += 1;
    return new Content(this.#contents, size);
  }

  count(kind: string): void {
    this.done.set(kind, (this.done.get(kind) ?? 0) + 1);
  }

  fail(error: unknown): void {
    const text = error instanceof Error ? error.message : String(error);
    const short = text
      .replace(/\s+/g, ' ')
      .replaceAll(/[\w-]*\d[\w-]*/g, 'N')
      .slice(0, 100);
    this.failed.set(short, (this.failed.get(short) ?? 0) + 1);
  }

  /** Pauses between two operations, as people and programs do. Ends early with the run. */
  async pause(minMs: number, maxMs: number): Promise<void> {
    await delay(this.random.between(minMs, maxMs), undefined, { signal: this.#stop.signal }).catch(
      () => undefined,
    );
  }
}

/** A client that works until the run is over. */
export interface ChaosClient {
  readonly user: TestUser;
  run(): Promise<void>;
}
