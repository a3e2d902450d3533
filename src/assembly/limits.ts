import type { GatewaySettings } from '../config/settings.js';
import { defaultMirrorSettings, type MirrorSettings } from '../mirror/options.js';
import type { SftpLimits } from '../sftp/limits.js';
import type { VaultLimits } from '../vault/limits.js';

/** Returns the limits of the SFTP server from the settings. The others keep the server's defaults. */
export function sftpLimitsOf(settings: GatewaySettings): Partial<SftpLimits> {
  return {
    loginTimeoutMs: settings.sftpLoginTimeoutMs,
    keepAliveIntervalMs: settings.sftpKeepaliveMs,
    maxSessions: settings.sftpSessionsMax,
    maxSessionsPerUser: settings.sftpSessionsPerUser,
    maxSessionsPerAddress: settings.sftpSessionsPerAddress,
    maxHandlesPerSession: settings.sftpHandlesPerSession,
    maxRequestsInFlight: settings.sftpRequestsInFlight,
    idleTimeoutMs: settings.sftpIdleTimeoutMs,
    maxSessionMs: settings.sftpSessionMaxMs,
  };
}

/** Returns the limits of the vault from the settings. */
export function vaultLimitsOf(settings: GatewaySettings): Partial<VaultLimits> {
  return {
    uploadMemoryBytes: settings.uploadMemoryBytes,
    parallelParts: settings.uploadPartsParallel,
    reorderWindowBytes: settings.uploadReorderWindowBytes,
    scratchLimitBytes: settings.uploadScratchLimitBytes,
    maxFileBytes: settings.uploadMaxFileBytes,
    readMemoryBytes: settings.readMemoryBytes,
    readAheadRanges: settings.readAheadRanges,
    resumeTimeMs: settings.s3RetryTimeMs,
  };
}

/** Returns the limits of the mirror from the settings. */
export function mirrorSettingsOf(settings: GatewaySettings): Partial<MirrorSettings> {
  const { mirrorIntervalMs: intervalMs, mirrorIdleIntervalMs: idleIntervalMs } = settings;
  return {
    intervalMs,
    idleIntervalMs,
    idleRequestsPerMinute: settings.s3IdleRequests,
    busyIntervalMs: Math.min(intervalMs, defaultMirrorSettings.busyIntervalMs),
    reserveBytes: settings.mirrorReserveBytes,
    parallelFetches: settings.mirrorFetchesParallel,
    parallelRanges: settings.mirrorRangesParallel,
  };
}
