import type { Call } from '../model/call.js';
import { Fault } from '../model/fault.js';
import type { Username } from '../model/users.js';
import { located, type UserFiles } from './user-files.js';
import type { UserProperties } from './user-properties.js';

/** The settings in the users' files. Keeps the last valid ones of each user, and logs each problem once. */
export class LiveProperties {
  readonly #files: UserFiles;
  readonly #lastGood = new Map<Username, UserProperties>();
  /** File contents whose problems have been logged. A changed file is a new object. */
  readonly #noticed = new WeakSet<object>();
  /** The last logged fault of each unreadable file. */
  readonly #unreadable = new Map<Username, string>();

  constructor(files: UserFiles) {
    this.#files = files;
  }

  /**
   * Returns the settings in the file, or the last valid ones; null for an unknown user. Throws
   * `invalid`, `denied` or `unavailable` if there are no valid ones.
   */
  async read(call: Call, username: Username): Promise<UserProperties | null> {
    const path = this.#files.paths(username).properties;
    const lastGood = this.#lastGood.get(username);
    try {
      const parsed = await this.#files.properties(username);
      if (parsed === null) {
        this.#lastGood.delete(username);
        return null;
      }
      this.notice(call, parsed, located(path, parsed.problems));
      const errors = parsed.problems.filter((problem) => problem.severity === 'error');
      if (errors.length > 0) throw new Fault('invalid', located(path, errors).join('; '));
      this.#lastGood.set(username, parsed.properties);
      this.#unreadable.delete(username);
      return parsed.properties;
    } catch (error) {
      const fault = Fault.from(error);
      if (fault.kind !== 'invalid' && this.#unreadable.get(username) !== fault.hint) {
        this.#unreadable.set(username, fault.hint);
        call.log.warn('cannot read user settings', { user: username, error: fault });
      }
      if (lastGood === undefined) throw fault;
      return lastGood;
    }
  }

  /** Logs the problems of a file's content, once for each content. */
  notice(call: Call, content: object, problems: readonly string[]): void {
    if (this.#noticed.has(content)) return;
    this.#noticed.add(content);
    for (const problem of problems) call.log.warn('problem in a user file', { problem });
  }
}
