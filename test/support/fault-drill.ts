import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SeededRandom } from './random.js';
import type { TransferClient } from './transfer-clients.js';

/** The number and the sizes of the transfers. */
export interface FaultDrillSize {
  readonly transfers: number;
  readonly largeBytes: number;
  /** The share of files with `largeBytes`. The others have up to 100 kB. */
  readonly largeShare: number;
}

export const transferKinds = ['put', 'get', 'rename', 'append', 'resume'] as const;
export type TransferKind = (typeof transferKinds)[number];

/** The contents that a name may have, as digests; null means that there may be no such file. */
type Possible = ReadonlyMap<string | null, Buffer | null>;

const nothing: Possible = new Map([[null, null]]);
const namesPerClient = 4;

export function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/**
 * Lets clients transfer files at random, each its own, and records what they reported as done. A transfer that
 * failed may have happened or not.
 */
export class FaultDrill {
  /** Transfers by kind, and how many of them were reported as done. */
  readonly counts = new Map<TransferKind, { done: number; failed: number }>();
  readonly wrong: string[] = [];
  readonly #possible = new Map<string, Possible>();
  readonly #random: SeededRandom;
  readonly #size: FaultDrillSize;
  readonly #directory: string;
  #left: number;

  constructor(random: SeededRandom, size: FaultDrillSize, directory: string) {
    this.#random = random;
    this.#size = size;
    this.#directory = directory;
    this.#left = size.transfers;
  }

  /** Runs all transfers, one after the other with each client. */
  async run(clients: readonly TransferClient[]): Promise<void> {
    await Promise.all(
      clients.map(async (client, index) => {
        while (this.#left > 0) {
          this.#left -= 1;
          await this.#transfer(client, index);
        }
      }),
    );
  }

  /** Compares every file with what may be there. `read` returns null if there is no such file. */
  async verify(read: (name: string) => Promise<Buffer | null>): Promise<number> {
    for (const [name, possible] of this.#possible) {
      const bytes = await read(name);
      if (!possible.has(bytes === null ? null : digest(bytes)))
        this.wrong.push(`${name} is ${bytes === null ? 'lost' : `wrong (${bytes.byteLength} bytes)`}`);
    }
    return this.#possible.size;
  }

  async #transfer(client: TransferClient, index: number): Promise<void> {
    const kind = this.#random.pick(transferKinds);
    const names = Array.from({ length: namesPerClient }, (_, number) => `c${index}-${number}`);
    const name = this.#random.pick(names);
    const taken = this.#random.pick(names.filter((one) => one !== name));
    const other = client.replaces ? taken : `${name}-${this.#left}`;
    const known = this.#knownContent(name);
    const isDone =
      kind === 'put' || known === null
        ? await this.#put(client, name)
        : kind === 'get'
          ? await this.#get(client, name)
          : kind === 'rename'
            ? await this.#rename(client, name, other)
            : kind === 'append'
              ? await this.#extend(client, name, known, this.#content())
              : await this.#resume(client, name);
    const counted: TransferKind = known === null ? 'put' : kind;
    const counts = this.counts.get(counted) ?? { done: 0, failed: 0 };
    counts[isDone ? 'done' : 'failed'] += 1;
    this.counts.set(counted, counts);
  }

  /** Returns the content of a file if it can be only one; null otherwise. */
  #knownContent(name: string): Buffer | null {
    const possible = this.#possible.get(name) ?? nothing;
    const [only] = possible.values();
    return possible.size === 1 ? (only ?? null) : null;
  }

  #content(): Buffer {
    const { largeBytes, largeShare } = this.#size;
    return randomBytes(this.#random.next() < largeShare ? largeBytes : this.#random.between(0, 100_000));
  }

  async #put(client: TransferClient, name: string): Promise<boolean> {
    const content = this.#content();
    return this.#write(name, content, (path) => client.put(path, name));
  }

  #extend(client: TransferClient, name: string, before: Buffer, more: Buffer): Promise<boolean> {
    return this.#write(name, Buffer.concat([before, more]), (path) => client.resume(path, name));
  }

  /** Stores the first part of a file, and then the rest. */
  async #resume(client: TransferClient, name: string): Promise<boolean> {
    const whole = this.#content();
    const first = whole.subarray(0, Math.floor(whole.byteLength * this.#random.next()));
    if (!(await this.#write(name, first, (path) => client.put(path, name)))) return false;
    return this.#write(name, whole, (path) => client.resume(path, name));
  }

  async #write(name: string, content: Buffer, work: (path: string) => Promise<boolean>): Promise<boolean> {
    const path = join(this.#directory, `write-${name}`);
    writeFileSync(path, content);
    const before = this.#possible.get(name) ?? nothing;
    const after: Possible = new Map([[digest(content), content]]);
    this.#possible.set(name, new Map([...before, ...after]));
    const isDone = await work(path);
    if (isDone) this.#possible.set(name, after);
    return isDone;
  }

  async #get(client: TransferClient, name: string): Promise<boolean> {
    const path = join(this.#directory, `read-${name}`);
    rmSync(path, { force: true });
    const isDone = await client.get(name, path);
    if (isDone && !this.#possible.get(name)?.has(digest(readFileSync(path))))
      this.wrong.push(`${client.name} got wrong bytes of ${name} as OK`);
    return isDone;
  }

  async #rename(client: TransferClient, from: string, to: string): Promise<boolean> {
    const [source, target] = [this.#possible.get(from) ?? nothing, this.#possible.get(to) ?? nothing];
    this.#possible.set(from, new Map([...source, ...nothing]));
    this.#possible.set(to, new Map([...target, ...source]));
    const isDone = await client.rename(from, to);
    if (isDone) {
      this.#possible.set(from, nothing);
      this.#possible.set(to, source);
    }
    return isDone;
  }
}
