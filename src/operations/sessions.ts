import { remoteSessions } from '../api/control-client.js';
import { commandScribe } from '../assembly/audit.js';
import { createCommandLog } from '../assembly/command-log.js';
import { LiveSettings } from '../assembly/live-settings.js';
import { auditedSessions } from '../audit/audited/sessions.js';
import type { SessionAdministration } from '../model/live.js';

/**
 * Returns the sessions of the gateway that runs on a root. Their methods throw `unavailable` (no gateway
 * runs), `timed-out` and `denied`. Throws `invalid` (settings).
 */
export async function openSessions(root: string, signal: AbortSignal): Promise<SessionAdministration> {
  const settings = await LiveSettings.open(root, false);
  const scribe = commandScribe(settings, createCommandLog(process.stderr));
  return auditedSessions(remoteSessions(settings.paths.controlSocket, signal), scribe);
}
