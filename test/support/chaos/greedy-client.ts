import type { TestUser } from '../gateway.js';
import { SftpClient } from '../sftp-client.js';
import { type ChaosWorld, patience } from './world.js';

/** A user who opens more sessions than `sftp.sessions.per.user`, one after the other. */
export class GreedyClient {
  readonly #world: ChaosWorld;
  readonly #user: TestUser;
  readonly #limit: number;
  /** Sessions that were refused. */
  refused = 0;

  constructor(world: ChaosWorld, user: TestUser, limit: number) {
    this.#world = world;
    this.#user = user;
    this.#limit = limit;
  }

  async run(): Promise<void> {
    while (!this.#world.isOver) {
      await using sessions = new AsyncDisposableStack();
      for (let index = 0; index < 2 * this.#limit && !this.#world.isOver; index += 1) {
        try {
          sessions.use(await SftpClient.connect(this.#user, patience));
        } catch {
          this.refused += 1;
        }
        await this.#world.pause(700, 1_000);
      }
    }
  }
}
