import { type FSWatcher, watch } from 'node:fs';
import { rmdir } from 'node:fs/promises';
import { AuditAppender } from '../database/audit/append.js';
import { createAuditReader } from '../database/audit/reader.js';
import { keepReceivers } from '../database/audit/receivers.js';
import { pruneAudit } from '../database/audit/retention.js';
import type { Leases } from '../database/cluster/leases.js';
import type { GatewayDatabase } from '../database/database.js';
import { ensureDirectory, secretDirectoryMode } from '../files/durable.js';
import type { AuditHead, AuditReader, AuditRecorder } from '../model/audit.js';
import type { Clock, Entropy, Logger } from '../model/call.js';
import { Fault } from '../model/fault.js';
import { SpoolImporter } from './importer.js';
import { TrailFollower } from './outputs/follower.js';
import type { AuditReceiver } from './outputs/receiver.js';
import { TrailRecorder } from './recorder.js';
import type { SpoolPaths } from './spool-directory.js';
import { SpoolWriter } from './spool-writer.js';

export interface AuditTrailOptions {
  readonly spool: SpoolPaths;
  /** Spools of processes that have ended, whose events this one imports at its start. */
  readonly leftSpools?: readonly SpoolPaths[];
  readonly database: GatewayDatabase;
  readonly node: string;
  readonly spoolLimitBytes: number;
  readonly isRequired: () => boolean;
  readonly keepMs: () => number;
  readonly receivers: readonly AuditReceiver[];
  readonly leases: Leases;
  /** Stores the head of the chain outside. Called once an hour. */
  readonly publishHead: (head: AuditHead) => Promise<void>;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Logger;
}

/** Time from an event to the import of all events so far, in milliseconds. An import costs as much as 40 events. */
const importDelayMs = 900;
const retryDelayMs = 5_000;
const maintenanceMs = 3_600_000;

/**
 * The audit trail of a gateway. Events go to the spool at once, and to the database, the receivers and the
 * bucket in the background. Each process of a gateway has one, with a spool of its own.
 */
export class AuditTrail implements AsyncDisposable {
  readonly recorder: AuditRecorder;
  readonly reader: AuditReader;
  readonly #options: AuditTrailOptions;
  readonly #writer: SpoolWriter;
  readonly #importer: SpoolImporter;
  readonly #followers: readonly TrailFollower[];
  readonly #running: Promise<void>[] = [];
  readonly #stop = new AbortController();
  #importTimer: NodeJS.Timeout | null = null;
  #maintenance: NodeJS.Timeout | null = null;
  #watcher: FSWatcher | null = null;
  #importing: Promise<void> = Promise.resolve();
  #maintaining: Promise<void> = Promise.resolve();
  #hasFailed = false;

  private constructor(options: AuditTrailOptions, paths: SpoolPaths) {
    const { database, clock, entropy, log, node, isRequired, receivers } = options;
    this.#options = options;
    this.#writer = new SpoolWriter({
      directory: paths.directory,
      limitBytes: options.spoolLimitBytes,
      nowMs: () => clock.nowMs(),
      random: () => entropy.id(),
      syncFailed: (error) => log.error('spool of the audit trail not synced', { error: Fault.from(error) }),
    });
    this.recorder = new TrailRecorder({
      append: (line) => this.#writer.append(line),
      onRecord: () => this.#importSoon(importDelayMs),
      node,
      isRequired,
      clock,
      log,
    });
    this.reader = createAuditReader(database);
    this.#importer = new SpoolImporter({
      paths,
      appender: new AuditAppender(database, node),
      owner: { segment: () => this.#writer.segment, removed: (bytes) => this.#writer.removed(bytes) },
      log,
    });
    this.#followers = receivers.map(
      (receiver) => new TrailFollower({ receiver, reader: this.reader, database, clock, log }),
    );
  }

  /** Imports what an earlier process has left in the spool. Throws faults of the database and of the disk. */
  static async open(options: AuditTrailOptions): Promise<AuditTrail> {
    const paths = options.spool;
    await ensureDirectory(paths.directory, secretDirectoryMode);
    await ensureDirectory(paths.incoming, secretDirectoryMode);
    const trail = new AuditTrail(options, paths);
    await trail.#start(paths);
    return trail;
  }

  async #start({ incoming }: SpoolPaths): Promise<void> {
    const { database, receivers } = this.#options;
    await keepReceivers(
      database,
      receivers.map(({ name }) => name),
    );
    for (const follower of this.#followers) await follower.start();
    for (const paths of this.#options.leftSpools ?? []) await this.#importLeft(paths);
    await this.#importer.forgetRemoved();
    await this.#importer.run();
    for (const follower of this.#followers) this.#running.push(this.#follow(follower));
    this.#watch(incoming);
    this.#maintain();
    this.#maintenance = setInterval(() => this.#maintain(), maintenanceMs).unref();
  }

  async #importLeft(paths: SpoolPaths): Promise<void> {
    const { database, node, log } = this.#options;
    const owner = { segment: () => null, removed: () => undefined };
    await new SpoolImporter({ paths, appender: new AuditAppender(database, node), owner, log }).run();
    await rmdir(paths.directory).catch((error: unknown) => {
      log.warn('spool of an ended process not removed', { error: Fault.from(error) });
    });
  }

  /** Sends the trail to a receiver. If several gateways share the database, one of them sends at a time. */
  async #follow(follower: TrailFollower): Promise<void> {
    const { database, leases } = this.#options;
    const isShared = database.owner !== null;
    await leases.run(`audit ${follower.name}`, this.#stop.signal, async (held) => {
      // Other gateways add events too.
      const timer = isShared ? setInterval(() => follower.wake(), importDelayMs).unref() : null;
      try {
        await follower.run(held);
      } finally {
        if (timer !== null) clearInterval(timer);
      }
    });
  }

  /** Imports the events of commands soon. Without a watch, they are imported with the next event. */
  #watch(incoming: string): void {
    try {
      this.#watcher = watch(incoming, { persistent: false }, () => this.#importSoon(importDelayMs));
    } catch (error) {
      this.#options.log.warn('events of commands not watched', { error: Fault.from(error) });
    }
  }

  /** Imports the events so far. Throws faults of the database. */
  async flush(): Promise<void> {
    await this.#importer.run();
    for (const follower of this.#followers) follower.wake();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watcher?.close();
    if (this.#maintenance !== null) clearInterval(this.#maintenance);
    if (this.#importTimer !== null) clearTimeout(this.#importTimer);
    await this.#importing;
    await this.#maintaining;
    this.#writer.close();
    // Without the database, the events stay in the spool until the next start.
    await this.#importer.run().catch((error: unknown) => this.#importFailed(error));
    this.#stop.abort();
    await Promise.all(this.#running);
  }

  #importSoon(delayMs: number): void {
    if (this.#stop.signal.aborted) return;
    this.#importTimer ??= setTimeout(() => {
      this.#importTimer = null;
      this.#importing = this.#importing.then(() => this.#import());
    }, delayMs).unref();
  }

  /** Never rejects. */
  async #import(): Promise<void> {
    try {
      await this.flush();
      this.#hasFailed = false;
    } catch (error) {
      this.#importFailed(error);
      this.#importSoon(retryDelayMs);
    }
  }

  #importFailed(error: unknown): void {
    if (!this.#hasFailed) {
      this.#options.log.error('audit trail not moved to the database', { error: Fault.from(error) });
    }
    this.#hasFailed = true;
  }

  #maintain(): void {
    this.#maintaining = this.#maintaining.then(() => this.#prune()).then(() => this.#publish());
  }

  async #prune(): Promise<void> {
    const { database, clock, keepMs, leases, log } = this.#options;
    try {
      const prune = () => pruneAudit(database, clock.nowMs() - keepMs());
      const removed = (await leases.attempt('audit retention', this.#stop.signal, prune)) ?? 0;
      if (removed === 0) return;
      const actor = { kind: 'gateway', name: 'audit' } as const;
      this.recorder.record({ action: 'audit.prune', actor, result: 'ok', details: { removed } });
    } catch (error) {
      log.error('old events of the audit trail not removed', { error: Fault.from(error) });
    }
  }

  async #publish(): Promise<void> {
    const { publishHead, log } = this.#options;
    try {
      const head = await this.reader.head();
      if (head.seq > 0) await publishHead(head);
    } catch (error) {
      if (!this.#stop.signal.aborted) {
        log.warn('head of the audit trail not stored in the bucket', { error: Fault.from(error) });
      }
    }
  }
}
