import { closeSync, fsyncSync, openSync, readdirSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { secretFileMode } from '../files/durable.js';
import { type AuditEvent, type AuditRecorder, auditActions } from '../model/audit.js';
import type { Clock, Entropy, Logger } from '../model/call.js';
import { Fault } from '../model/fault.js';
import { inheritOwner, makeSecretDirectory } from './owned-files.js';
import { nextSegment } from './spool-directory.js';
import { formatSpoolLine, spooledEvent } from './spool-line.js';

/** Max events of commands that wait for a gateway or for `sftpgw audit`. */
export const maxIncoming = 10_000;

export interface CommandRecorderOptions {
  /** Is created at the first event. */
  readonly incoming: string;
  /** Returns the id of the gateway. */
  readonly node: () => string;
  readonly isRequired: () => boolean;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Logger;
}

/**
 * Records the events of a command, each in a file of its own. The file is complete and durable when `record`
 * returns. A gateway that runs imports it at once, another one at its start.
 */
export class CommandRecorder implements AuditRecorder {
  readonly #options: CommandRecorderOptions;

  constructor(options: CommandRecorderOptions) {
    this.#options = options;
  }

  requireWritable(): void {
    const { incoming, isRequired } = this.#options;
    if (!isRequired()) return;
    const waiting = this.#attempt(() => {
      makeSecretDirectory(incoming);
      return readdirSync(incoming).length;
    });
    if (waiting < maxIncoming) return;
    throw new Fault(
      'unavailable',
      `${waiting} events of commands wait for the audit trail: run \`sftpgw audit\`, or start the gateway`,
    );
  }

  record(event: AuditEvent): void {
    const { clock, node, isRequired, log } = this.#options;
    try {
      const line = formatSpoolLine(spooledEvent(event, clock.nowMs(), node()));
      this.#attempt(() => this.#write(line));
    } catch (error) {
      if (auditActions[event.action].changes && isRequired()) throw error;
      log.warn('event of the audit trail lost', { action: event.action, error: Fault.from(error) });
    }
  }

  #write(line: string): void {
    const { incoming, clock, entropy } = this.#options;
    makeSecretDirectory(incoming);
    const name = nextSegment(undefined, clock.nowMs(), entropy.id());
    const temporary = join(incoming, `.${name}.tmp`);
    const file = openSync(temporary, 'wx', secretFileMode);
    try {
      writeSync(file, line);
      inheritOwner(temporary);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, join(incoming, name));
    const directory = openSync(incoming, 'r');
    try {
      fsyncSync(directory);
    } finally {
      closeSync(directory);
    }
  }

  #attempt<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : '';
      const text = `the audit trail cannot be written: ${code} in ${this.#options.incoming}`;
      throw new Fault('unavailable', text, { cause: error });
    }
  }
}
