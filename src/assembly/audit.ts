import { userInfo } from 'node:os';
import { CommandRecorder } from '../audit/command-recorder.js';
import { readNodeId } from '../audit/node-id.js';
import { AuditScribe } from '../audit/scribe.js';
import { spoolPaths } from '../audit/spool-directory.js';
import type { AuditActor, AuditDetails } from '../model/audit.js';
import type { Logger } from '../model/call.js';
import type { LiveSettings } from './live-settings.js';
import { systemClock, systemEntropy } from './system.js';

/** The gateway itself, as the actor of what it does without a request. */
export const gatewayActor: AuditActor = { kind: 'gateway', name: 'gateway' };

/**
 * Returns the scribe of a command. Its actor is the person who runs it: the user before sudo, if sudo is in
 * use. The trail is written at the first event.
 */
export function commandScribe(settings: LiveSettings, log: Logger): AuditScribe {
  const { name, details } = administrator(process.env);
  return new AuditScribe(commandRecorder(settings, log), { kind: 'admin', name }, details);
}

/** Returns the scribe of what the gateway does before its own trail is open. */
export function earlyScribe(settings: LiveSettings, log: Logger): AuditScribe {
  return new AuditScribe(commandRecorder(settings, log), gatewayActor);
}

function commandRecorder({ paths, current }: LiveSettings, log: Logger): CommandRecorder {
  return new CommandRecorder({
    incoming: spoolPaths(paths.auditDirectory).incoming,
    node: () => readNodeId(paths.nodeIdFile, systemEntropy),
    isRequired: () => current.auditRequired,
    clock: systemClock,
    entropy: systemEntropy,
    log,
  });
}

function administrator(environment: NodeJS.ProcessEnv): {
  readonly name: string;
  readonly details: AuditDetails;
} {
  const uid = process.getuid?.() ?? null;
  const sudoUser = environment['SUDO_USER'] ?? '';
  // Only sudo runs a command as root for another user. For others the variable proves nothing.
  if (uid === 0 && sudoUser !== '') return { name: sudoUser, details: { uid, sudoUser } };
  return { name: systemName(uid), details: { uid } };
}

/** The user of a process in a container may have no name. */
function systemName(uid: number | null): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${uid ?? 'unknown'}`;
  }
}
