import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Core } from '../assembly/core.js';
import { sftpLimitsOf } from '../assembly/limits.js';
import type { LiveSettings } from '../assembly/live-settings.js';
import {
  boundsWithin,
  type ConnectionBounds,
  maxS3Connections,
  readOpenFileLimit,
} from '../assembly/open-files.js';
import { systemClock, systemEntropy } from '../assembly/system.js';
import type { RootPaths } from '../config/paths.js';
import type { ListenAddress } from '../config/values.js';
import { DatabaseSharedLogins } from '../database/cluster/shared-logins.js';
import { LiveSessions } from '../live/live-sessions.js';
import type { Logger } from '../model/call.js';
import { Fault } from '../model/fault.js';
import type { Measures } from '../model/measures.js';
import type { VfsFactory } from '../model/vfs.js';
import { passedSocket } from '../network/passed-socket.js';
import { LoginDefence } from '../sftp/defence/login-defence.js';
import { defaultSftpLimits, type SftpLimits } from '../sftp/limits.js';
import { type SftpServer, startSftpServer } from '../sftp/server.js';
import type { AddressList, IncomingConnections } from '../sftp/ssh-server.js';
import { parseNetworks } from '../users/property-values.js';

/** Opens the limiter of logins with the settings of a root. */
export function openLoginDefence(
  settings: LiveSettings,
  log: Logger,
  { scribe, database }: Pick<Core, 'scribe' | 'database'>,
): Promise<LoginDefence> {
  const { current, paths } = settings;
  return LoginDefence.open({
    onBan: ({ source, scope, cause, untilMs }) =>
      scribe.note({
        action: 'ban.add',
        target: source,
        details: { scope, cause, until: new Date(untilMs).toISOString() },
      }),
    file: paths.bansFile,
    allowFrom: liveList(() => settings.current.sftpAllowFrom, true),
    denyFrom: liveList(() => settings.current.sftpDenyFrom, false),
    exemptFrom: liveList(() => settings.current.sftpBanExempt, false),
    limits: { banAfterPenalty: current.sftpBanAfter, banMs: current.sftpBanTimeMs },
    shared: database.owner === null ? null : new DatabaseSharedLogins(database),
    log,
    clock: systemClock,
  });
}

/** The bounds of a process. */
export type GatewayBounds = ConnectionBounds & Pick<SftpLimits, 'maxUnauthenticatedPerAddress'>;

export interface SftpParts {
  readonly core: Pick<Core, 'logins' | 'accounts' | 'scribe'>;
  readonly vfs: VfsFactory;
  readonly defence: LoginDefence;
  readonly bounds: GatewayBounds;
  readonly live: LiveSessions;
  readonly measures: Measures;
  readonly log: Logger;
  /** Overrides `sftp.listen`. */
  readonly listen?: ListenAddress;
  /** Serves these connections instead of listening. */
  readonly incoming?: IncomingConnections;
}

/** Starts the SFTP server of a root. Throws as `startSftpServer`. */
export async function startSftp(settings: LiveSettings, parts: SftpParts): Promise<SftpServer> {
  const { current, paths } = settings;
  const { log } = parts;
  const { maxSessions, maxUnauthenticated, maxUnauthenticatedPerAddress } = parts.bounds;
  const sftp = await startSftpServer({
    ...(parts.listen ?? current.sftpListen),
    ...(parts.incoming === undefined ? {} : { incoming: parts.incoming }),
    listenFd: passedSocket(process.env, process.pid),
    hostKeyDirectory: paths.hostKeyDirectory,
    users: parts.core.logins,
    accounts: parts.core.accounts,
    defence: parts.defence,
    proxyFrom: liveList(() => settings.current.sftpProxyFrom, false),
    ...(current.sftpStdio ? { stdio: stdioOf(paths) } : {}),
    vfs: parts.vfs,
    live: parts.live,
    measures: parts.measures,
    audit: parts.core.scribe.recorder,
    log,
    clock: systemClock,
    entropy: systemEntropy,
    limits: { ...sftpLimitsOf(current), maxSessions, maxUnauthenticated, maxUnauthenticatedPerAddress },
  });
  for (const fingerprint of sftp.hostKeyFingerprints) log.info('host key', { fingerprint });
  return sftp;
}

/** Creates the registry of sessions with the bounds of the settings. */
export function liveSessions({ current }: LiveSettings, { maxSessions }: ConnectionBounds): LiveSessions {
  const limits = { ...defaultSftpLimits, ...sftpLimitsOf(current) };
  return new LiveSessions({ ...limits, maxSessions, maxSessionsOfNodes: limits.maxSessions }, systemClock);
}

/**
 * Returns the bounds of connections, and logs them. With too few open files they are lower than those configured. Each of
 * several processes has its part of the connections without a login.
 */
export async function connectionBounds(
  { current }: LiveSettings,
  log: Logger,
  processes: number,
): Promise<GatewayBounds> {
  const shareOf = (connections: number) => Math.ceil(connections / processes);
  const all = { ...defaultSftpLimits, ...sftpLimitsOf(current) };
  const limits = { ...all, maxUnauthenticated: shareOf(all.maxUnauthenticated) };
  const openFiles = await readOpenFileLimit();
  const bounds = boundsWithin(openFiles, { ...limits, maxS3Connections });
  const fields = {
    openFiles,
    sessions: bounds.maxSessions,
    unauthenticated: bounds.maxUnauthenticated,
    s3Connections: bounds.maxS3Connections,
  };
  if (bounds.maxSessions < limits.maxSessions) {
    log.warn('sessions limited by open files', { ...fields, configured: limits.maxSessions });
  } else log.info('connection limits', fields);
  return { ...bounds, maxUnauthenticatedPerAddress: shareOf(all.maxUnauthenticatedPerAddress) };
}

function stdioOf({ stdioDirectory, homes }: RootPaths) {
  return {
    directory: stdioDirectory,
    usernames: async () => {
      const names: string[] = [];
      for (const name of await readdir(homes).catch(() => [])) {
        if (existsSync(join(homes, name, '.sftpgateway/user.properties'))) names.push(name);
      }
      return names;
    },
  };
}

/**
 * Returns a list that follows its setting: a change counts from the next connection on. Without a value it contains
 * every address, or none.
 */
function liveList(read: () => string | null, containsAllWithoutValue: boolean): AddressList {
  let [text, list]: [string | null, AddressList | null] = [null, null];
  return {
    contains: (address) => {
      const now = read();
      if (now !== text) [text, list] = [now, now === null ? null : addressList(now)];
      return list?.contains(address) ?? containsAllWithoutValue;
    },
  };
}

function addressList(text: string): AddressList {
  const parsed = parseNetworks(text);
  if (!('value' in parsed)) throw new Fault('bug', `the networks ${parsed.problem}`);
  return { contains: (address) => parsed.value.match(address) };
}
