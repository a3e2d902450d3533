import type { Core } from '../assembly/core.js';
import type { LiveSettings } from '../assembly/live-settings.js';
import { systemClock, systemEntropy } from '../assembly/system.js';
import { createPageSessions } from '../database/files-page/sessions.js';
import { createPageUploads } from '../database/files-page/uploads.js';
import type { FilesPage } from '../files-page/server.js';
import type { LiveSessions } from '../live/live-sessions.js';
import type { Logger } from '../model/call.js';
import { Fault } from '../model/fault.js';
import type { VfsFactory } from '../model/vfs.js';
import type { LoginDefence } from '../sftp/defence/login-defence.js';

/** Uploads of the page are kept at least this long, even if S3 keeps none for resuming. */
const minUploadKeepMs = 60 * 60 * 1000;

export interface FilesPageParts {
  readonly core: Core;
  readonly vfs: VfsFactory;
  readonly defence: LoginDefence;
  readonly live: LiveSessions;
  readonly log: Logger;
}

/**
 * Serves the files page on the root's socket for it, if `files.enabled` is set; returns null otherwise. If the socket
 * cannot be created, logs the reason; the gateway runs without the page. Loads the server late, because most gateways
 * do not need it.
 */
export async function startFilesPage(
  { current, paths }: LiveSettings,
  { core, vfs, defence, live, log }: FilesPageParts,
): Promise<FilesPage | null> {
  if (!current.filesEnabled || current.consoleListen === null) return null;
  try {
    const [{ createFilesPage }, { listenOnSocket }] = await Promise.all([
      import('../files-page/server.js'),
      import('../api/server/listen.js'),
    ]);
    const sessionLimits = { idleMs: current.filesSessionIdleMs, maxMs: current.filesSessionMaxMs };
    const uploadKeepMs = Math.max(current.uploadResumeWindowMs, minUploadKeepMs);
    const system = { clock: systemClock, entropy: systemEntropy };
    const page = createFilesPage({
      ...{ vfs, defence, live, log, sessionLimits, uploadKeepMs, ...system },
      logins: core.logins,
      users: core.users,
      trail: core.scribe.recorder,
      sessions: createPageSessions(core.database, sessionLimits, system),
      uploads: createPageUploads(core.database, uploadKeepMs, system),
      maxFileBytes: current.uploadMaxFileBytes,
      call: core.call,
    });
    await listenOnSocket(page.server, paths.filesSocket);
    log.info('files page is served');
    return page;
  } catch (error) {
    log.error('files page not available', { error: Fault.from(error) });
    return null;
  }
}
