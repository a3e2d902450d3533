import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openTestDatabase } from '../../../test/support/test-database.js';
import { Leases } from '../../database/cluster/leases.js';
import type { GatewayDatabase } from '../../database/database.js';
import type { AuditEvent, AuditRow } from '../../model/audit.js';
import type { Clock } from '../../model/call.js';
import { type LogLine, recordingLogger, testClock, testEntropy } from '../../sftp/testing/test-logger.js';
import { spoolPaths } from '../spool-directory.js';
import { AuditTrail, type AuditTrailOptions } from '../trail.js';

/** A directory with a database, and the trails that a test opens on it. */
export class TrailWorld implements AsyncDisposable {
  readonly directory: string;
  readonly lines: LogLine[] = [];
  readonly clock: Clock;
  readonly #database: GatewayDatabase;
  readonly #trails: AuditTrail[] = [];

  private constructor(database: GatewayDatabase, directory: string, clock: Clock) {
    this.#database = database;
    this.directory = directory;
    this.clock = clock;
  }

  static async open(clock: Clock = testClock): Promise<TrailWorld> {
    const directory = mkdtempSync(join(tmpdir(), 'sftpgw-audit-'));
    return new TrailWorld(await openTestDatabase(join(directory, 'sftpgw.db')), directory, clock);
  }

  get database(): GatewayDatabase {
    return this.#database;
  }

  get spoolDirectory(): string {
    return join(this.directory, 'audit');
  }

  async trail(options: Partial<AuditTrailOptions> = {}): Promise<AuditTrail> {
    const trail = await AuditTrail.open({
      spool: spoolPaths(this.spoolDirectory),
      database: this.#database,
      node: '0123456789abcdef',
      spoolLimitBytes: 1024 ** 3,
      isRequired: () => true,
      keepMs: () => 400 * 24 * 3_600_000,
      receivers: [],
      leases: new Leases(this.#database, this.clock, recordingLogger(this.lines)),
      publishHead: async () => undefined,
      clock: this.clock,
      entropy: testEntropy,
      log: recordingLogger(this.lines),
      ...options,
    });
    this.#trails.push(trail);
    return trail;
  }

  /** Returns all rows in the order of the chain. */
  async rows(trail: AuditTrail): Promise<readonly AuditRow[]> {
    await trail.flush();
    return await trail.reader.after(0, 100_000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const trail of this.#trails) await trail[Symbol.asyncDispose]();
    await this.#database.close();
    rmSync(this.directory, { recursive: true });
  }
}

/** Returns an event of a user on a path. */
export function fileEvent(target: string, more: Partial<AuditEvent> = {}): AuditEvent {
  return {
    action: 'file.write',
    actor: { kind: 'user', name: 'bob' },
    address: '192.0.2.7',
    session: 'a1',
    request: 'b2',
    target,
    result: 'ok',
    details: { bytes: 1 },
    ...more,
  };
}
