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
import type { Logger } from '../model/call.js';
import { Fault } from '../model/fault.js';
import type { VfsFactory } from '../model/vfs.js';
import { LoginDefence } from '../sftp/defence/login-defence.js';
import { defaultSftpLimits } from '../sftp/limits.js';
import { type SftpServer, startSftpServer } from '../sftp/server.js';
import type { AddressList } from '../sftp/ssh-server.js';
import { parseNetworks } from '../users/property-values.js';

/** Opens the limiter of logins with the settings of a root. */
export function openLoginDefence({ current, paths }: LiveSettings, log: Logger): Promise<LoginDefence> {
  return LoginDefence.open({
    file: paths.bansFile,
    allowFrom: addressList(current.sftpAllowFrom),
    denyFrom: addressList(current.sftpDenyFrom),
    exemptFrom: addressList(current.sftpBanExempt),
    limits: { banAfterPenalty: current.sftpBanAfter, banMs: current.sftpBanTimeMs },
    log,
    clock: systemClock,
  });
}

export interface SftpParts {
  readonly core: Pick<Core, 'logins'>;
  readonly vfs: VfsFactory;
  readonly defence: LoginDefence;
  readonly bounds: ConnectionBounds;
  readonly log: Logger;
  /** Overrides `sftp.listen`. */
  readonly listen?: ListenAddress;
}

/** Starts the SFTP server of a root. Throws as `startSftpServer`. */
export async function startSftp(settings: LiveSettings, parts: SftpParts): Promise<SftpServer> {
  const { current, paths } = settings;
  const { log } = parts;
  const { maxSessions, maxUnauthenticated } = parts.bounds;
  const sftp = await startSftpServer({
    ...(parts.listen ?? current.sftpListen),
    hostKeyDirectory: paths.hostKeyDirectory,
    users: parts.core.logins,
    defence: parts.defence,
    proxyFrom: addressList(current.sftpProxyFrom),
    ...(current.sftpStdio ? { stdio: stdioOf(paths) } : {}),
    vfs: parts.vfs,
    log,
    clock: systemClock,
    entropy: systemEntropy,
    limits: { ...sftpLimitsOf(current), maxSessions, maxUnauthenticated },
  });
  for (const fingerprint of sftp.hostKeyFingerprints) log.info('host key', { fingerprint });
  return sftp;
}

/** Returns the bounds of connections, and logs them. With too few open files they are lower than those configured. */
export async function connectionBounds({ current }: LiveSettings, log: Logger): Promise<ConnectionBounds> {
  const limits = { ...defaultSftpLimits, ...sftpLimitsOf(current) };
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
  return bounds;
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

function addressList(text: string | null): AddressList | null {
  if (text === null) return null;
  const parsed = parseNetworks(text);
  if (!('value' in parsed)) throw new Fault('bug', `the networks ${parsed.problem}`);
  return { contains: (address) => parsed.value.match(address) };
}
