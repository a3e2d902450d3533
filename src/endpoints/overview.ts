import Type from 'typebox';
import { doctorResult } from '../operations/jobs/kinds.js';
import { isReady, recoveryStatus } from '../operations/recovery-status.js';
import { rotationJobs } from '../operations/rotation.js';
import { checklist } from '../operations/state/checklist.js';
import { activityChart, countUsers, diskOf, lastDay } from '../operations/state/overview.js';
import { type ApiContext, operation } from './context.js';
import {
  count,
  isoTime,
  isoTimeOrNull,
  numberOrNull,
  strict,
  textOrNull,
  time,
  timeOrNull,
} from './schemas.js';

const group = 'gateway';

const activity = {
  uploads: count,
  downloads: count,
  bytesReceived: count,
  bytesSent: count,
  failed: { ...count, description: 'Operations on files that failed.' },
  logins: count,
  refusedLogins: count,
};

const exampleActivity = {
  uploads: 512,
  downloads: 40,
  bytesReceived: 73400320,
  bytesSent: 1048576,
  failed: 1,
  logins: 60,
  refusedLogins: 3,
};

const overview = Type.Object({
  version: Type.String(),
  started: time,
  bucket: textOrNull,
  health: Type.Object({
    isReady: Type.Boolean(),
    checks: Type.Array(Type.Object({ name: Type.String(), isOk: Type.Boolean(), reason: textOrNull })),
  }),
  findings: Type.Object(
    { checked: timeOrNull, error: count, warning: count, notice: count },
    { description: 'Of the last complete check of the doctor.' },
  ),
  recovery: Type.Object({
    isReady: Type.Boolean(),
    keys: count,
    recoverableKeys: count,
    copied: { ...timeOrNull, description: 'The last complete copy in the bucket.' },
    problems: count,
  }),
  sessions: count,
  transfers: Type.Object({ uploads: count, downloads: count, bytesPerSecond: Type.Number() }),
  last24Hours: Type.Object(activity),
  s3: Type.Object(
    { requests: count, retries: count, meanSeconds: numberOrNull },
    { description: 'Since the start of the gateway.' },
  ),
  mirror: Type.Object({ prefixes: count, behind: count, lagMs: numberOrNull, problems: count }),
  rotations: Type.Object({ running: count, paused: count }),
  jobs: Type.Object({ running: count, waiting: count, failed: count }),
  bans: count,
  parkedUploads: count,
  users: Type.Object({ all: count, disabled: count, expired: count }),
  memory: Type.Object({
    uploadBytes: count,
    uploadLimitBytes: count,
    readBytes: count,
    readLimitBytes: count,
    residentBytes: count,
  }),
  disk: Type.Object({ freeBytes: count, sizeBytes: count }, { description: 'The disk of the database.' }),
});

export const getOverview = operation({
  id: 'getOverview',
  group,
  summary: 'Get the state of the gateway in one answer. Asks S3 only for the check of `/readyz`.',
  method: 'GET',
  path: '/api/overview',
  needs: 'viewer',
  answer: overview,
  example: {
    answer: {
      version: '0.2.0',
      started: '2026-05-01T12:00:00.000Z',
      bucket: 'my-bucket',
      health: { isReady: true, checks: [{ name: 's3', isOk: true, reason: null }] },
      findings: { checked: '2026-05-01T12:00:00.000Z', error: 0, warning: 1, notice: 0 },
      recovery: {
        isReady: true,
        keys: 7,
        recoverableKeys: 7,
        copied: '2026-05-01T12:00:00.000Z',
        problems: 0,
      },
      sessions: 2,
      transfers: { uploads: 1, downloads: 0, bytesPerSecond: 524288 },
      last24Hours: exampleActivity,
      s3: { requests: 1200, retries: 0, meanSeconds: 0.042 },
      mirror: { prefixes: 3, behind: 0, lagMs: 900, problems: 0 },
      rotations: { running: 0, paused: 0 },
      jobs: { running: 0, waiting: 0, failed: 0 },
      bans: 0,
      parkedUploads: 0,
      users: { all: 60, disabled: 1, expired: 0 },
      memory: {
        uploadBytes: 0,
        uploadLimitBytes: 167772160,
        readBytes: 0,
        readLimitBytes: 201326592,
        residentBytes: 104857600,
      },
      disk: { freeBytes: 10737418240, sizeBytes: 21474836480 },
    },
  },
  handle: async (context) => {
    const { root, monitoring, bans, clock, version, startedMs } = context;
    const { isReady: isServing, checks } = await monitoring.readiness();
    const found = await recoveryStatus(root, context.keyProblems);
    return {
      version,
      started: isoTime(startedMs),
      bucket: root.settings.bucket,
      health: {
        isReady: isServing,
        checks: checks.map(({ name, isOk, reason }) => ({ name, isOk, reason })),
      },
      findings: await findingCounts(context),
      recovery: {
        isReady: isReady(found),
        keys: found.keys,
        recoverableKeys: found.recoverableKeys,
        copied: found.copy.completeAt,
        problems: found.problems.length,
      },
      ...(await transferCounts(context)),
      last24Hours: await lastDay(root, clock.nowMs()),
      s3: s3View(context),
      mirror: await mirrorCounts(context),
      rotations: await rotationCounts(context),
      jobs: await jobCounts(context),
      bans: (await bans.list()).length,
      parkedUploads: (await root.parked.parked()).length,
      users: await countUsers(root),
      memory: memoryView(context),
      disk: await diskOf(root),
    };
  },
});

async function findingCounts({ jobs }: ApiContext) {
  const last = await jobs.lastDone('doctor');
  const findings = doctorResult(last) ?? [];
  const countOf = (severity: string) => findings.filter((one) => one.severity === severity).length;
  return {
    checked: isoTimeOrNull(last?.finishedMs ?? null),
    error: countOf('error'),
    warning: countOf('warning'),
    notice: countOf('notice'),
  };
}

async function transferCounts({ sessions }: ApiContext) {
  const all = await sessions.list();
  const transfers = all.flatMap((session) => session.transfers);
  const uploads = transfers.filter(({ direction }) => direction === 'upload').length;
  return {
    sessions: all.length,
    transfers: {
      uploads,
      downloads: transfers.length - uploads,
      bytesPerSecond: transfers.reduce((sum, { bytesPerSecond }) => sum + bytesPerSecond, 0),
    },
  };
}

function s3View({ s3Totals }: ApiContext) {
  const { requests, retries, seconds } = s3Totals();
  return { requests, retries, meanSeconds: requests === 0 ? null : seconds / requests };
}

async function mirrorCounts({ mirror }: ApiContext) {
  const all = await mirror.liveStatus();
  const lags = all.flatMap(({ lagMs }) => lagMs ?? []);
  return {
    prefixes: all.length,
    behind: all.filter(({ isBehind }) => isBehind).length,
    lagMs: lags.length === 0 ? null : Math.max(...lags),
    problems: all.reduce((sum, { status }) => sum + status.problemCount, 0),
  };
}

async function rotationCounts({ root }: ApiContext) {
  const running = await rotationJobs(root).running();
  const paused = running.filter(({ obstacle, pausedBy }) => obstacle !== null || pausedBy !== null).length;
  return { running: running.length - paused, paused };
}

/** Jobs that are counted, the newest first. */
const countedJobs = 200;

async function jobCounts({ jobs }: ApiContext) {
  const newest = await jobs.list(null, countedJobs);
  const countOf = (state: string) => newest.filter((job) => job.state === state).length;
  return { running: countOf('running'), waiting: countOf('waiting'), failed: countOf('failed') };
}

function memoryView({ root }: ApiContext) {
  const { uploadMemoryBytes, readMemoryBytes } = root.vault.statistics;
  const { current } = root.settings;
  return {
    uploadBytes: uploadMemoryBytes,
    uploadLimitBytes: current.uploadMemoryBytes,
    readBytes: readMemoryBytes,
    readLimitBytes: current.readMemoryBytes,
    residentBytes: process.memoryUsage.rss(),
  };
}

/** The longest chart: steps are kept a little longer. */
const maxHours = 768;

export const getActivity = operation({
  id: 'getActivity',
  group,
  summary: 'Get what users did over time, for a chart. Counted with the audit trail, about a second late.',
  details:
    'Up to 48 hours have steps of five minutes, more have steps of an hour. Steps without events have zeros.',
  method: 'GET',
  path: '/api/activity',
  needs: 'viewer',
  query: Type.Object(
    {
      hours: Type.Optional(
        Type.Integer({ minimum: 1, maximum: maxHours, description: 'The last hours; 24 by default.' }),
      ),
    },
    strict,
  ),
  answer: Type.Object({
    stepSeconds: Type.Integer(),
    items: Type.Array(Type.Object({ start: time, ...activity })),
  }),
  example: {
    query: { hours: 24 },
    answer: { stepSeconds: 300, items: [{ start: '2026-05-01T12:00:00.000Z', ...exampleActivity }] },
  },
  handle: async ({ root, clock }, { query }) => {
    const { stepSeconds, items } = await activityChart(root, query.hours ?? 24, clock.nowMs());
    return {
      stepSeconds,
      items: items.map(({ startMs, ...step }) => ({ start: isoTime(startMs), ...step })),
    };
  },
});

export const getChecklist = operation({
  id: 'getChecklist',
  group,
  summary: 'Get the steps from an empty gateway to a file that was read back, each with its state. Asks S3.',
  method: 'GET',
  path: '/api/checklist',
  needs: 'viewer',
  answer: Type.Object({
    isComplete: Type.Boolean(),
    items: Type.Array(
      Type.Object({
        code: Type.Enum(['bucket', 'sse-c', 'recovery', 'bucket-copy', 'user', 'upload', 'download']),
        title: Type.String(),
        state: Type.Enum(['done', 'open', 'failed']),
        detail: textOrNull,
        command: textOrNull,
      }),
    ),
  }),
  command: 'sftpgw doctor',
  example: {
    answer: {
      isComplete: false,
      items: [
        {
          code: 'recovery',
          title: 'A recovery identity exists',
          state: 'open',
          detail: 'Without it, a lost machine means lost keys.',
          command: 'sftpgw recovery init',
        },
      ],
    },
  },
  handle: async ({ root, monitoring, clock }) => {
    const items = await checklist(root, await monitoring.readiness(), clock.nowMs());
    return { isComplete: items.every(({ state }) => state === 'done'), items };
  },
});
