import { remoteBans } from '../api/control-client.js';
import { commandScribe } from '../assembly/audit.js';
import { createCommandLog } from '../assembly/command-log.js';
import { LiveSettings } from '../assembly/live-settings.js';
import { lockRoot } from '../assembly/root-lock.js';
import { systemClock } from '../assembly/system.js';
import { auditedBans } from '../audit/audited/bans.js';
import type { BanAdministration } from '../model/bans.js';
import { Fault, isFault } from '../model/fault.js';
import { LoginDefence } from '../sftp/defence/login-defence.js';

/**
 * Runs work with the bans of a root: those of the gateway that runs on it, else those in its file.
 * Faults: `invalid` (settings), `unavailable`, `timed-out` and `denied` (a gateway runs and cannot be
 * asked).
 */
export async function withBans<T>(
  root: string,
  signal: AbortSignal,
  work: (bans: BanAdministration) => Promise<T>,
): Promise<T> {
  const settings = await LiveSettings.open(root, false);
  const scribe = commandScribe(settings, createCommandLog(process.stderr));
  const lock = await lockUnlessServed(settings);
  if (lock === null) {
    return await work(auditedBans(remoteBans(settings.paths.controlSocket, signal), scribe));
  }
  try {
    // The command prints what it did itself.
    const log = { ...createCommandLog(process.stderr), warn: () => undefined };
    const defence = await LoginDefence.open({ file: settings.paths.bansFile, log, clock: systemClock });
    const result = await work(auditedBans(defence, scribe));
    await defence.close();
    return result;
  } finally {
    await lock[Symbol.asyncDispose]();
  }
}

/** Returns null if another process serves the root. */
async function lockUnlessServed(settings: LiveSettings): Promise<AsyncDisposable | null> {
  try {
    return await lockRoot(settings, 'another process serves this root');
  } catch (error) {
    if (isFault(error, 'conflict')) return null;
    throw Fault.from(error);
  }
}
