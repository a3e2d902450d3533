import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestUser } from './gateway.js';
import { eventually } from './wait.js';

/** The size of each file in bytes, and the rate of each client in kbit/s: a file takes about 14 seconds. */
const fileBytes = 14_000_000;
const rateKbits = '8000';
const clientLimitMs = 120_000;
/** How long a client tries to resume, in milliseconds. */
const resumeMs = 60_000;

/** Clients with OpenSSH's `sftp` that upload slowly, and resume with `reput` what a stop of a node interrupts. */
export class RollingUploads {
  readonly #user: TestUser;
  readonly #directory: string;
  readonly #running: Promise<unknown>;
  #isOver = false;
  /** When each client began its present file, in ms of the monotonic clock. */
  readonly #begunMs = new Map<number, number>();
  readonly stored = new Map<string, Buffer>();
  readonly #answers: string[] = [];
  /**
   * Uploads that were interrupted; those of them that `reput` resumed; those of which S3 had no part yet; those that were
   * whole, because the connection ended behind the last answer.
   */
  readonly counts = { interrupted: 0, resumed: 0, begunAgain: 0, whole: 0 };

  constructor(user: TestUser, directory: string, clients: number) {
    this.#user = user;
    this.#directory = directory;
    this.#running = Promise.all(Array.from({ length: clients }, (_, index) => this.#run(index)));
  }

  /** How long every client has been sending its present file at least, in milliseconds. */
  get sendingMs(): number {
    return performance.now() - Math.max(...this.#begunMs.values());
  }

  /** Waits until each client has stored its present file. */
  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  async #run(client: number): Promise<void> {
    for (let number = 1; !this.#isOver; number += 1) {
      const name = `rolling-${client}-${number}`;
      const source = join(this.#directory, `rolling-${client}`);
      const content = randomBytes(fileBytes);
      writeFileSync(source, content);
      this.#begunMs.set(client, performance.now());
      const { isSent } = await this.#send('put', source, name);
      if (!isSent) {
        this.counts.interrupted += 1;
        await this.#resume(source, name);
      }
      this.stored.set(name, content);
    }
  }

  async #resume(source: string, name: string): Promise<void> {
    const began = this.#answers.length;
    try {
      await eventually(`${name} is resumed`, () => this.#isResumed(source, name), resumeMs);
    } catch (error) {
      throw new Error(this.#answers.slice(began).join('\n'), { cause: error });
    }
  }

  async #isResumed(source: string, name: string): Promise<boolean> {
    const { code } = await this.#user.sftp(`ls /uploads/${name}`);
    const isThere = code === 0;
    const { isSent, isWhole } = await this.#send(isThere ? 'reput' : 'put', source, name);
    if (isWhole) this.counts.whole += 1;
    if (!isSent) return isWhole;
    this.counts[isThere ? 'resumed' : 'begunAgain'] += 1;
    return true;
  }

  async #send(verb: string, source: string, name: string): Promise<{ isSent: boolean; isWhole: boolean }> {
    const options = { timeoutMs: clientLimitMs };
    const { code, stderr } = await this.#user.sftp(`${verb} ${source} /uploads/${name}`, options, [
      '-l',
      rateKbits,
    ]);
    this.#answers.push(`${Math.round(performance.now())} ms: ${verb} ${name}: ${code} ${stderr.trim()}`);
    return { isSent: code === 0, isWhole: stderr.includes('destination file same size or larger') };
  }
}
