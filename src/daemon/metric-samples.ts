import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Core } from '../assembly/core.js';
import type { LiveSettings } from '../assembly/live-settings.js';
import { systemClock } from '../assembly/system.js';
import { spoolBytes, spoolPaths } from '../audit/spool-directory.js';
import { readTotals } from '../database/totals.js';
import { WebhookEndpoints } from '../database/webhooks/endpoints.js';
import type { Readiness } from '../health/readiness.js';
import type { LiveSessions } from '../live/live-sessions.js';
import type { Sample, SampleGroup } from '../metrics/gateway-metrics.js';
import type { BanAdministration } from '../model/bans.js';
import type { MirrorRuns } from '../model/mirror-runs.js';
import { parkedBytes } from '../model/parked-uploads.js';
import type { RotationCounts } from '../model/rotation.js';
import { rotationJobs } from '../operations/rotation.js';
import { readCopyState } from '../recovery/copy-state.js';
import type { RecentEvents } from './event-sources.js';

/** The parts of a gateway that metrics read. */
export interface Monitored {
  readonly settings: LiveSettings;
  /** The slot of this process; 1 if it is the only one. */
  readonly slot: number;
  readonly core: Core;
  readonly mirror: Pick<MirrorRuns, 'liveStatus'>;
  readonly bans: Pick<BanAdministration, 'list'>;
  readonly live: LiveSessions;
  readonly events: Pick<RecentEvents, 'lastEventMs'>;
}

/** Returns the values that each scrape reads. A group that fails leaves the others as they are. */
export function sampleGroups(
  monitored: Monitored,
  readiness: Readiness,
  resources: AsyncDisposableStack,
): readonly SampleGroup[] {
  const { core, settings, events, bans } = monitored;
  return [
    { name: 'process', read: processSamples },
    { name: 'event-loop', read: eventLoopSamples(resources) },
    { name: 'memory', read: () => memorySamples(monitored) },
    { name: 'sessions', read: () => sessionSamples(monitored.live) },
    { name: 'checks', isShared: true, read: async () => (await readiness.report()).checks.map(checkSample) },
    { name: 'mirror', isShared: true, read: () => mirrorSamples(monitored.mirror) },
    {
      name: 'events',
      isShared: true,
      read: () => [gauge('sftpgw_last_event_timestamp_seconds', events.lastEventMs / 1000)],
    },
    { name: 'rotations', isShared: true, read: () => rotationSamples(core) },
    { name: 'parked', isShared: true, read: () => parkedSamples(core) },
    { name: 'database', isShared: true, read: () => databaseSamples(core) },
    { name: 'bucket-copy', isShared: true, read: () => bucketCopySamples(monitored) },
    { name: 'bans', isShared: true, read: async () => [gauge('sftpgw_bans', (await bans.list()).length)] },
    { name: 'audit', read: () => auditSamples(settings, monitored.slot) },
    { name: 'webhooks', isShared: true, read: () => webhookSamples(core) },
  ];
}

function gauge(name: Sample['name'], value: number, labels: Sample['labels'] = {}): Sample {
  return { name, value, labels };
}

function checkSample({ name, isOk }: { readonly name: string; readonly isOk: boolean }): Sample {
  return gauge('sftpgw_check_ok', isOk ? 1 : 0, { check: name });
}

function processSamples(): readonly Sample[] {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
  return [
    gauge('process_cpu_seconds_total', (user + system) / 1e6),
    gauge('process_resident_memory_bytes', rss),
    gauge('process_start_time_seconds', performance.timeOrigin / 1000),
    gauge('sftpgw_heap_used_bytes', heapUsed),
    gauge('sftpgw_buffer_bytes', arrayBuffers),
  ];
}

/** The measurement wakes the process 50 times a second, so it begins with the first scrape. */
function eventLoopSamples(resources: AsyncDisposableStack): () => readonly Sample[] {
  const resolutionMs = 20;
  const delay = monitorEventLoopDelay({ resolution: resolutionMs });
  let isRunning = false;
  resources.defer(() => void delay.disable());
  return () => {
    if (!isRunning) isRunning = delay.enable();
    // The histogram has whole intervals between wake-ups, also those without any delay.
    const secondsOf = (ns: number) => Math.max(0, ns / 1e9 - resolutionMs / 1000);
    const [p99, max] = delay.count === 0 ? [0, 0] : [delay.percentile(99), delay.max];
    delay.reset();
    return [
      gauge('sftpgw_event_loop_delay_p99_seconds', secondsOf(p99)),
      gauge('sftpgw_event_loop_delay_max_seconds', secondsOf(max)),
    ];
  };
}

function memorySamples({ core, settings: { current } }: Monitored): readonly Sample[] {
  const { uploadMemoryBytes, waitingUploads, readMemoryBytes, scratchBytes } = core.vault.statistics;
  return [
    gauge('sftpgw_upload_memory_bytes', uploadMemoryBytes),
    gauge('sftpgw_upload_memory_limit_bytes', current.uploadMemoryBytes),
    gauge('sftpgw_waiting_uploads', waitingUploads),
    gauge('sftpgw_read_memory_bytes', readMemoryBytes),
    gauge('sftpgw_read_memory_limit_bytes', current.readMemoryBytes),
    gauge('sftpgw_scratch_bytes', scratchBytes),
    gauge('sftpgw_scratch_limit_bytes', current.uploadScratchLimitBytes),
  ];
}

async function sessionSamples(live: LiveSessions): Promise<readonly Sample[]> {
  const transfers = (await live.list()).flatMap((session) => session.transfers);
  const uploads = transfers.filter(({ direction }) => direction === 'upload').length;
  const { bytesReceived, bytesSent } = live.totals;
  return [
    gauge('sftpgw_sessions', live.count),
    gauge('sftpgw_open_transfers', uploads, { direction: 'upload' }),
    gauge('sftpgw_open_transfers', transfers.length - uploads, { direction: 'download' }),
    gauge('sftpgw_transferred_bytes_total', bytesReceived, { direction: 'received' }),
    gauge('sftpgw_transferred_bytes_total', bytesSent, { direction: 'sent' }),
  ];
}

async function mirrorSamples(mirror: Pick<MirrorRuns, 'liveStatus'>): Promise<readonly Sample[]> {
  const all = await mirror.liveStatus();
  const results = { none: 0, complete: 0, problems: 0, failed: 0, cancelled: 0 };
  for (const { status } of all) results[status.lastPass?.result ?? 'none'] += 1;
  const sum = (numberOf: (live: (typeof all)[number]) => number) =>
    all.reduce((total, live) => total + numberOf(live), 0);
  return [
    ...Object.entries(results).map(([result, count]) => gauge('sftpgw_mirror_prefixes', count, { result })),
    gauge('sftpgw_mirror_lag_seconds', Math.max(0, ...all.map(({ lagMs }) => (lagMs ?? 0) / 1000))),
    gauge(
      'sftpgw_mirror_behind',
      sum(({ isBehind }) => (isBehind ? 1 : 0)),
    ),
    gauge(
      'sftpgw_mirror_problems',
      sum(({ status }) => status.problemCount),
    ),
    gauge(
      'sftpgw_mirror_waiting_events',
      sum(({ waitingEvents }) => waitingEvents),
    ),
  ];
}

const rotationResults = {
  rekeyed: 'rekeyed',
  already: 'already',
  without_key: 'withoutKey',
  gone: 'gone',
  failed: 'failed',
} as const satisfies Readonly<Record<string, keyof RotationCounts>>;

async function rotationSamples(core: Core): Promise<readonly Sample[]> {
  const jobs = await rotationJobs(core).running();
  const paused = jobs.filter(({ obstacle, pausedBy }) => obstacle !== null || pausedBy !== null).length;
  const sum = (name: keyof RotationCounts) => jobs.reduce((total, { counts }) => total + counts[name], 0);
  return [
    gauge('sftpgw_rotations', jobs.length - paused, { state: 'running' }),
    gauge('sftpgw_rotations', paused, { state: 'paused' }),
    gauge('sftpgw_rotation_bytes', sum('bytes')),
    ...Object.entries(rotationResults).map(([result, name]) =>
      gauge('sftpgw_rotation_objects', sum(name), { result }),
    ),
  ];
}

async function parkedSamples({ parked }: Core): Promise<readonly Sample[]> {
  const [all, nowMs] = [await parked.parked(), systemClock.nowMs()];
  const oldestMs = Math.max(0, ...all.map(({ parkedMs }) => nowMs - parkedMs));
  return [
    gauge('sftpgw_parked_uploads', all.length),
    gauge(
      'sftpgw_parked_uploads_bytes',
      all.reduce((sum, upload) => sum + parkedBytes(upload), 0),
    ),
    gauge('sftpgw_parked_uploads_oldest_seconds', oldestMs / 1000),
  ];
}

async function databaseSamples({ database }: Core): Promise<readonly Sample[]> {
  const { openWrites, auditRows } = await readTotals(database);
  return [gauge('sftpgw_ledger_open_writes', openWrites), gauge('sftpgw_audit_rows', auditRows)];
}

async function bucketCopySamples({ core, settings }: Monitored): Promise<readonly Sample[]> {
  const [none, state] = await Promise.all([
    core.bucketCopy.reasonNotCopied(),
    readCopyState(settings.paths.bucketCopyFile),
  ]);
  const isSame = state !== null && state.bucket === settings.bucket;
  return [
    gauge('sftpgw_bucket_copy_wanted', none === null ? 1 : 0),
    gauge('sftpgw_bucket_copy_timestamp_seconds', isSame ? (state.completeMs ?? 0) / 1000 : 0),
    gauge('sftpgw_bucket_copy_failed', isSame && state.failure !== null ? 1 : 0),
  ];
}

function auditSamples({ paths, current }: LiveSettings, slot: number): readonly Sample[] {
  return [
    gauge('sftpgw_audit_spool_bytes', spoolBytes(spoolPaths(paths.auditDirectory, slot).directory)),
    gauge('sftpgw_audit_spool_limit_bytes', current.auditSpoolLimitBytes),
  ];
}

async function webhookSamples({ database }: Core): Promise<readonly Sample[]> {
  const all = await new WebhookEndpoints(database).statuses();
  const sum = (state: 'pending' | 'dead') => all.reduce((total, status) => total + status[state], 0);
  return [
    gauge('sftpgw_webhook_messages', sum('pending'), { state: 'pending' }),
    gauge('sftpgw_webhook_messages', sum('dead'), { state: 'dead' }),
    gauge('sftpgw_webhook_behind', Math.max(0, ...all.map(({ behind }) => behind))),
  ];
}
