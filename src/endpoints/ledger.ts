import Type from 'typebox';
import { createKeyUsage } from '../database/ledger/key-usage.js';
import { readTotals } from '../database/totals.js';
import type { Job } from '../model/api/jobs.js';
import { Fault } from '../model/fault.js';
import type { LiveRow } from '../model/ledger.js';
import { s3Url } from '../objects/s3-url.js';
import { openLedger } from '../operations/ledger-audit.js';
import { operation } from './context.js';
import { refOf } from './objects.js';
import {
  count,
  isoTime,
  isoTimeOrNull,
  numberOrNull,
  objectQuery,
  textOrNull,
  time,
  timeOrNull,
} from './schemas.js';

const group = 'ledger';

const row = Type.Object({
  versionId: textOrNull,
  state: Type.Enum(['current', 'older-version', 'in-progress']),
  encryption: Type.String(),
  keyId: textOrNull,
  keyLabel: textOrNull,
  size: numberOrNull,
  etag: textOrNull,
  actor: Type.String(),
  written: time,
});

export const findInLedger = operation({
  id: 'findInLedger',
  group,
  summary: 'Get the versions of an object in the ledger, with the key of each.',
  method: 'GET',
  path: '/api/ledger/object',
  needs: 'viewer',
  query: objectQuery,
  answer: Type.Object({ items: Type.Array(row) }),
  command: 'sftpgw ledger find s3://my-bucket/bob/uploads/report.pdf',
  example: {
    query: { bucket: 'my-bucket', key: 'bob/uploads/report.pdf' },
    answer: {
      items: [
        {
          versionId: null,
          state: 'current',
          encryption: 'sse-c',
          keyId: '3f9a41c07e52d8b6a1f0c3e4d5b69788',
          keyLabel: 'bob 2026',
          size: 1048576,
          etag: '"9b2cf535f27731c974343645a3985328"',
          actor: 'bob',
          written: '2026-05-01T12:00:00.000Z',
        },
      ],
    },
  },
  handle: async ({ root }, { query }) => {
    const ref = refOf(query);
    const { audit, names } = await openLedger(root, root.settings, root.log);
    const rows = await audit.versions.liveRowsOf(ref);
    if (rows.length === 0) throw new Fault('not-found', `the ledger has no entry for ${s3Url(ref)}`);
    return {
      items: await Promise.all(
        rows.slice(0, maxRows).map(async (found) => {
          const keyId = found.sealedWith.kind === 'sse-c' ? found.sealedWith.fingerprint : null;
          return view(found, keyId, keyId === null ? null : await names.describe(keyId));
        }),
      ),
    };
  },
});

const lastJob = Type.Union([
  Type.Object({
    id: Type.String(),
    finished: timeOrNull,
    findings: count,
    sample: { ...numberOrNull, description: 'Versions that were requested with their key; null for all.' },
  }),
  Type.Null(),
]);

export const getLedger = operation({
  id: 'getLedger',
  group,
  summary: 'Get totals of the ledger, and its last verification and rebuild.',
  method: 'GET',
  path: '/api/ledger',
  needs: 'viewer',
  answer: Type.Object({
    objects: { ...count, description: 'Objects and versions in S3 with a customer key.' },
    bytes: count,
    keys: { ...count, description: 'Keys that they need.' },
    openWrites: { ...count, description: 'Writes that are not confirmed yet.' },
    lastVerify: lastJob,
    lastRebuild: lastJob,
  }),
  command: 'sftpgw ledger verify',
  example: {
    answer: {
      objects: 5214,
      bytes: 73400320,
      keys: 7,
      openWrites: 0,
      lastVerify: {
        id: '1e2b4d6f785f3a0c',
        finished: '2026-05-01T12:00:00.000Z',
        findings: 0,
        sample: 1000,
      },
      lastRebuild: null,
    },
  },
  handle: async ({ root, jobs, clock }) => {
    const totals = [...(await createKeyUsage(root.database, clock).totals()).values()];
    const { openWrites } = await readTotals(root.database);
    return {
      objects: totals.reduce((sum, { objects }) => sum + objects, 0),
      bytes: totals.reduce((sum, { bytes }) => sum + bytes, 0),
      keys: totals.length,
      openWrites,
      lastVerify: lastView(await jobs.lastDone('verify-ledger')),
      lastRebuild: lastView(await jobs.lastDone('rebuild-ledger')),
    };
  },
});

function lastView(job: Job | null) {
  if (job === null) return null;
  const { found } = job.result as { readonly found: readonly unknown[] };
  const { sample = null } = job.request as { readonly sample?: number | null };
  return { id: job.id, finished: isoTimeOrNull(job.finishedMs), findings: found.length, sample };
}

const maxRows = 1000;

function view(found: LiveRow, keyId: string | null, named: { readonly label: string } | null) {
  const { confirmation, sealedWith, state, isCurrent, actor } = found;
  return {
    versionId: confirmation?.versionId ?? null,
    state:
      state === 'intended'
        ? ('in-progress' as const)
        : isCurrent
          ? ('current' as const)
          : ('older-version' as const),
    encryption: sealedWith.kind,
    keyId,
    keyLabel: named?.label ?? null,
    size: confirmation?.size ?? null,
    etag: confirmation?.etag ?? null,
    actor,
    written: isoTime(found.settledMs ?? found.intendedMs),
  };
}
