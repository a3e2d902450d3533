import { differences } from '../audit/audited/differences.js';
import { type RootPaths, rootPaths } from '../config/paths.js';
import type { GatewaySettings, SettingKey } from '../config/settings.js';
import { openSettingsFile, type SettingsFile } from '../config/settings-file.js';
import type { Clock, Logger } from '../model/call.js';
import { Fault, isFault } from '../model/fault.js';

/** The embedded server's bucket when no setting names one. */
export const embeddedBucket = 'sftpgw';

const reloadIntervalMs = 1_000;

/** Returns true if a change takes effect at the next use, without a restart. */
export function isLiveSetting(key: SettingKey): boolean {
  return live.has(key);
}

/** The settings whose changes take effect at the next use. All others are read once, at the start. */
const live: ReadonlySet<SettingKey> = new Set<SettingKey>([
  'auditKeepMs',
  'auditRequired',
  'bucket',
  'consoleFourEyes',
  'consoleOidcRoles',
  'consoleSessionIdleMs',
  'consoleSessionMaxMs',
  'keyringBucketCopy',
  'mirrorIntervalMs',
  'mirrorIdleIntervalMs',
  'mirrorReserveBytes',
  's3IdleRequests',
  'sftpAllowFrom',
  'sftpBanExempt',
  'sftpDenyFrom',
  'sftpProxyFrom',
  'sftpPublicAddress',
  'sseCRequireRecovery',
  'webhooksAllowHttp',
  'webhooksAllowPrivate',
  'webhooksKeepMs',
  'webhooksParallel',
  'webhooksQueue',
  'webhooksRetryDelayMs',
  'webhooksRetryTimeMs',
  'webhooksTimeoutMs',
]);

/** The settings that changed, with their values before and after. None of them is a secret. */
export type SettingsDifference = ReturnType<typeof differences>;

/** A root with its current settings. */
export class LiveSettings {
  readonly paths: RootPaths;
  readonly #file: SettingsFile;
  readonly #fallbackBucket: string | null;

  private constructor(root: string, file: SettingsFile, fallbackBucket: string | null) {
    this.paths = rootPaths(root);
    this.#file = file;
    this.#fallbackBucket = fallbackBucket;
  }

  /**
   * Opens the settings of a root. With `embedded`, the embedded server's bucket is the default. Faults as
   * `openSettingsFile`.
   */
  static async open(root: string, embedded: boolean): Promise<LiveSettings> {
    const file = await openSettingsFile(root, process.env);
    return new LiveSettings(root, file, embedded ? embeddedBucket : null);
  }

  get current(): GatewaySettings {
    return this.#file.current;
  }

  /** The default bucket, null while none is configured. */
  get bucket(): string | null {
    return this.#file.current.bucket ?? this.#fallbackBucket;
  }

  /** The default bucket. Throws `invalid` while none is configured. */
  requireBucket(): string {
    const { bucket } = this;
    if (bucket === null) {
      throw new Fault(
        'invalid',
        `no bucket is set in ${this.#file.path}: run \`sftpgw setup --bucket NAME\`, or \`sftpgw serve --embedded\` to try it without AWS`,
      );
    }
    return bucket;
  }

  /** Problems of the file that do not stop its use, one sentence each. */
  get notices(): readonly string[] {
    return this.#file.notices;
  }

  /**
   * Reads the file again every second until the signal aborts. Logs changed settings and problems. `changed`
   * receives the changed values.
   */
  async watch(
    clock: Clock,
    log: Logger,
    signal: AbortSignal,
    changed: (change: SettingsDifference) => void = () => undefined,
  ): Promise<void> {
    for (const problem of this.#file.notices) log.warn('problem in the settings file', { problem });
    try {
      for (;;) {
        await clock.sleep(reloadIntervalMs, signal);
        await this.#reload(log, changed);
      }
    } catch (error) {
      if (!isFault(error, 'cancelled')) throw error;
    }
  }

  async #reload(log: Logger, changed: (change: SettingsDifference) => void): Promise<void> {
    const before = this.#file.current;
    const reload = await this.#file.reload();
    if (reload === null) return;
    if (reload.changed.length > 0) changed(differences(before, this.#file.current));
    for (const problem of reload.problems) {
      if (reload.isTaken) log.warn('problem in the settings file', { problem });
      else log.error('settings file not loaded; the last valid settings stay in force', { problem });
    }
    const waiting = reload.changed.filter((key) => !live.has(key));
    if (reload.changed.length > 0) log.info('settings changed', { settings: reload.changed.join(', ') });
    if (waiting.length > 0)
      log.warn('changed settings take effect after a restart', { settings: waiting.join(', ') });
  }
}
