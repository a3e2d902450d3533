import type { GatewaySettings } from '../config/settings.js';
import { defaultMirrorSettings, type MirrorSettings } from '../mirror/options.js';
import type { SftpLimits } from '../sftp/limits.js';
import type { VaultLimits } from '../vault/limits.js';

const minUploadMemoryBytes = 32 * 1024 ** 2;
const minReadMemoryBytes = 8 * 1024 ** 2;
/** The largest part of an object. A file with less scratch space has smaller parts, and may not be as large. */
const maxPartBytes = 5 * 1024 ** 3;

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

/** Returns the limits of the vault from the settings. Each of `processes` that share the machine has its part. */
export function vaultLimitsOf(settings: GatewaySettings, processes: number): Partial<VaultLimits> {
  const { uploadScratchLimitBytes: scratchBytes } = settings;
  const shareOf = (bytes: number, minBytes: number) => Math.max(minBytes, Math.floor(bytes / processes));
  return {
    uploadMemoryBytes: shareOf(settings.uploadMemoryBytes, minUploadMemoryBytes),
    parallelParts: settings.uploadPartsParallel,
    reorderWindowBytes: settings.uploadReorderWindowBytes,
    scratchLimitBytes: shareOf(scratchBytes, Math.min(scratchBytes, maxPartBytes)),
    maxFileBytes: settings.uploadMaxFileBytes,
    readMemoryBytes: shareOf(settings.readMemoryBytes, minReadMemoryBytes),
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
