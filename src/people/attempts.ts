import type { LoginGuard } from '../model/bans.js';
import type { Clock } from '../model/call.js';
import { Fault } from '../model/fault.js';
import { sourceOf } from '../users/addresses.js';

/** Attempts in work, of one address (or IPv6 network of 64 bits) and in all. A refusal may wait for 10 seconds. */
const maxPerSource = 4;
const maxInAll = 32;

/** Counts failed logins with those of the SFTP server, delays refusals, and bounds the attempts in work. */
export class LoginAttempts {
  readonly #guard: LoginGuard | null;
  readonly #clock: Clock;
  readonly #running = new Map<string, number>();
  #inAll = 0;

  constructor(guard: LoginGuard | null, clock: Clock) {
    this.#guard = guard;
    this.#clock = clock;
  }

  /**
   * Runs one attempt. `check` returns null for a wrong secret; then, and for an address that is banned, it throws
   * `unauthenticated` with `text` after the delay of the address and the name. Throws `throttled` while too many
   * attempts are in work.
   */
  async run<T>(
    {
      name,
      address,
      signal,
    }: { readonly name: string; readonly address: string | null; readonly signal: AbortSignal },
    text: string,
    check: (source: string) => Promise<T | null>,
  ): Promise<T> {
    const source = address === null ? 'local' : sourceOf(address);
    using _slot = this.#take(source);
    const startedMs = this.#clock.monotonicMs();
    const guard = address === null ? null : this.#guard;
    const mayCheck = address === null || guard === null || guard.mayCheck(address, nameOf(name));
    const found = mayCheck ? await check(source) : null;
    if (found !== null) return found;
    if (address !== null && guard !== null) {
      const delayMs = (await guard.refused(address, nameOf(name))) + startedMs - this.#clock.monotonicMs();
      if (delayMs > 0) await this.#clock.sleep(delayMs, signal);
    }
    throw new Fault('unauthenticated', text);
  }

  /** Records a complete login. */
  loggedIn(name: string, address: string | null): void {
    if (address !== null) this.#guard?.loggedIn(address, nameOf(name));
  }

  #take(source: string): Disposable {
    const running = this.#running.get(source) ?? 0;
    if (running >= maxPerSource || this.#inAll >= maxInAll) {
      throw new Fault('throttled', 'too many logins are in work: try again in some seconds');
    }
    this.#running.set(source, running + 1);
    this.#inAll += 1;
    return {
      [Symbol.dispose]: () => {
        const left = (this.#running.get(source) ?? 1) - 1;
        if (left === 0) this.#running.delete(source);
        else this.#running.set(source, left);
        this.#inAll -= 1;
      },
    };
  }
}

/** SFTP users have no blanks in their names, so the counts of the two stay apart. */
function nameOf(name: string): string {
  return `console ${name}`;
}
