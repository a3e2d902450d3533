import type { TestUser } from '../gateway.js';

/** How often a login begins, in milliseconds. */
const everyMs = 1_000;
/** Max duration of a login in milliseconds. */
const loginLimitMs = 15_000;

/** One login, with times of `performance.now()` in milliseconds. */
export interface ProbedLogin {
  readonly beganMs: number;
  readonly tookMs: number;
  readonly isOk: boolean;
}

/** Logs in once a second, whether or not the earlier logins have an answer. */
export class LoginProbe {
  readonly logins: ProbedLogin[] = [];
  readonly #user: TestUser;
  readonly #timer: NodeJS.Timeout;
  readonly #running = new Set<Promise<void>>();

  constructor(user: TestUser) {
    this.#user = user;
    this.#timer = setInterval(() => {
      const login = this.#login().finally(() => this.#running.delete(login));
      this.#running.add(login);
    }, everyMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#running);
  }

  async #login(): Promise<void> {
    const beganMs = performance.now();
    const flags = ['-o', `ConnectTimeout=${loginLimitMs / 1_000}`];
    const { code } = await this.#user.sftp('pwd', { timeoutMs: loginLimitMs }, flags);
    this.logins.push({ beganMs, tookMs: performance.now() - beganMs, isOk: code === 0 });
  }
}
