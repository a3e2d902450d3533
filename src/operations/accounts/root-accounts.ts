import { ControlRequests } from '../../api/control-request.js';
import { commandScribe } from '../../assembly/audit.js';
import { backgroundCall } from '../../assembly/background-call.js';
import { createCommandLog } from '../../assembly/command-log.js';
import { createRootKeyring } from '../../assembly/keyring.js';
import { LiveSettings } from '../../assembly/live-settings.js';
import { systemClock, systemEntropy } from '../../assembly/system.js';
import { buildUserServices } from '../../assembly/user-services.js';
import type { LoginCheck, LoginObstacle } from '../../model/api/login-check.js';
import { isFault } from '../../model/fault.js';
import type { Username } from '../../model/users.js';
import { readHostKeys } from '../../sftp/host-keys.js';
import { createUsers } from '../../users/user-directory.js';
import { createUserRegistry } from '../../users/user-registry.js';
import { unknownUser } from '../users.js';
import { checkLogin } from './login-check.js';
import { type PartnerSheet, partnerSheet } from './partner-sheet.js';

/** Returns the sheet of a user of a root. Throws `not-found`, and `invalid` (settings). */
export async function sheetOfRoot(root: string, username: Username): Promise<PartnerSheet> {
  const { settings, userServices } = await openUsers(root);
  const user = await createUserRegistry(userServices).describe(username);
  if (user === null) throw unknownUser(username);
  const keys = await readHostKeys(settings.paths.hostKeyDirectory);
  const hostKeys = keys.map(({ type, fingerprint }) => `${type} ${fingerprint}`);
  return partnerSheet({ user, hostKeys, settings: settings.current });
}

/** The answer of the API. */
interface CheckView extends Pick<LoginCheck, 'username' | 'canLogIn'> {
  readonly findings: readonly LoginObstacle[];
  readonly refusals: readonly {
    readonly time: string;
    readonly address: string | null;
    readonly rule: string;
    readonly reason: string;
  }[];
}

/**
 * Explains why a user cannot log in: asks the gateway that runs on a root, which knows its bans, its sessions and the
 * audit trail. Without one, that is the first reason, and the files are checked here. Throws as `checkLogin`.
 */
export async function checkLoginOfRoot(
  root: string,
  username: Username,
  address: string | null,
  signal: AbortSignal,
): Promise<LoginCheck> {
  const { settings, userServices, log } = await openUsers(root);
  try {
    const requests = new ControlRequests(settings.paths.controlSocket, signal);
    const query = address === null ? '' : `?address=${encodeURIComponent(address)}`;
    const path = `/api/users/${encodeURIComponent(username)}/login-check${query}`;
    const { findings, refusals, ...check } = (await requests.json('GET', path)) as CheckView;
    return {
      ...check,
      obstacles: findings,
      refusals: refusals.map(({ time, ...one }) => ({ ...one, timeMs: Date.parse(time) })),
    };
  } catch (error) {
    if (!isFault(error, 'unavailable')) throw error;
  }
  const call = backgroundCall(signal, systemEntropy, log);
  const local = await checkLogin(
    {
      call,
      userServices,
      users: createUsers(userServices).directory,
      settings: settings.current,
      bans: null,
      sessions: null,
      trail: null,
      nowMs: systemClock.nowMs(),
    },
    username,
    address,
  );
  return { ...local, canLogIn: false, obstacles: [notRunning, ...local.obstacles] };
}

const notRunning: LoginObstacle = {
  code: 'gateway-not-running',
  severity: 'blocks',
  what: 'No gateway runs on this root, so its bans, its sessions and the last refusals are unknown.',
  whatToDo: 'Start it.',
  command: 'sftpgw serve',
};

async function openUsers(root: string) {
  const settings = await LiveSettings.open(root, false);
  const log = createCommandLog(process.stderr);
  const keyring = createRootKeyring(settings, log, commandScribe(settings, log));
  return { settings, log, userServices: buildUserServices(settings, keyring, log) };
}
