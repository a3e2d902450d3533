import Type from 'typebox';
import { Reply } from '../api/description/operation.js';
import { pageOf, pageQuery } from '../api/description/page.js';
import { systemClock } from '../assembly/system.js';
import { createKeyUsage } from '../database/ledger/key-usage.js';
import { Fault } from '../model/fault.js';
import type { RotationId, RotationJob, RotationPace, RotationProblem } from '../model/rotation.js';
import { parseUsername } from '../model/users.js';
import { beginRotation, pauseRotation, rotationJobs, updatePace } from '../operations/rotation.js';
import { type ApiContext, operation } from './context.js';
import { pageBehind } from './pages.js';
import {
  isoTime,
  isoTimeOrNull,
  numberOrNull,
  strict,
  textOrNull,
  time,
  timeOrNull,
  username,
} from './schemas.js';

const group = 'rotations';

const pace = Type.Object({
  objectsPerSecond: numberOrNull,
  bytesPerSecond: numberOrNull,
  parallel: Type.Integer({ minimum: 1, maximum: 64 }),
});

const problem = Type.Object({
  key: Type.String(),
  versionId: textOrNull,
  kind: Type.String(),
  text: Type.String(),
});

const rotation = Type.Object({
  id: Type.String(),
  username: Type.String(),
  bucket: Type.String(),
  prefix: Type.String(),
  newKey: Type.String(),
  oldKeys: Type.Array(Type.String()),
  versions: Type.Enum(['keep', 'rewrite']),
  pace,
  state: Type.Enum(['running', 'done']),
  cursor: { ...textOrNull, description: 'All objects up to this key are done.' },
  counts: Type.Record(Type.String(), Type.Number()),
  obstacle: { ...textOrNull, description: 'Why it pauses; null while it runs.' },
  pausedBy: { ...textOrNull, description: 'The person who paused it.' },
  rate: Type.Union(
    [Type.Object({ objectsPerSecond: Type.Number(), bytesPerSecond: Type.Number() }), Type.Null()],
    { description: 'Mean since its begin; null before the first object.' },
  ),
  remaining: Type.Union([Type.Object({ objects: Type.Integer(), seconds: numberOrNull }), Type.Null()], {
    description: 'Objects that the ledger has with older keys, and the time for them at that rate.',
  }),
  retiredKeys: Type.Array(Type.String()),
  created: time,
  updated: time,
  finished: timeOrNull,
});

const example = {
  id: '7c1e2b4d6f785f3a',
  username: 'bob',
  bucket: 'my-bucket',
  prefix: 'bob/uploads/',
  newKey: '7e52d8b63f9a41c0a1f0c3e4d5b69788',
  oldKeys: ['3f9a41c07e52d8b6a1f0c3e4d5b69788'],
  versions: 'keep',
  pace: { objectsPerSecond: 20, bytesPerSecond: null, parallel: 8 },
  state: 'running',
  cursor: 'bob/uploads/m.csv',
  counts: { rekeyed: 2600, bytes: 36700160, failed: 0 },
  obstacle: null,
  pausedBy: null,
  rate: { objectsPerSecond: 8.7, bytesPerSecond: 122334 },
  remaining: { objects: 2614, seconds: 301 },
  retiredKeys: [],
  created: '2026-05-01T12:00:00.000Z',
  updated: '2026-05-01T12:05:00.000Z',
  finished: null,
} as const;

/** Returns a function that shows rotations, with the objects that still need their older keys. */
async function viewer({ root }: Pick<ApiContext, 'root'>) {
  const totals = await createKeyUsage(root.database, systemClock).totals();
  return (job: RotationJob) => {
    const needed = job.oldKeys.reduce((sum, key) => sum + (totals.get(key)?.objects ?? 0), 0);
    return view(job, Math.max(0, needed - job.counts.versionsKept));
  };
}

function view({ createdMs, updatedMs, finishedMs, ...job }: RotationJob, needed: number) {
  const { counts } = job;
  const done = counts.rekeyed + counts.already + counts.withoutKey + counts.gone;
  const seconds = Math.max(1, (finishedMs ?? updatedMs) - createdMs) / 1000;
  const rate =
    done === 0 ? null : { objectsPerSecond: done / seconds, bytesPerSecond: counts.bytes / seconds };
  const left = rate === null ? null : Math.round(needed / rate.objectsPerSecond);
  return {
    ...job,
    rate,
    remaining: job.state === 'done' ? null : { objects: needed, seconds: left },
    counts: { ...job.counts },
    created: isoTime(createdMs),
    updated: isoTime(updatedMs),
    finished: isoTimeOrNull(finishedMs),
  };
}

const rotationParameters = Type.Object({ id: Type.String({ minLength: 1, maxLength: 64 }) });

export const listRotations = operation({
  id: 'listRotations',
  group,
  summary: 'List the rotations, the newest first.',
  method: 'GET',
  path: '/api/rotations',
  needs: 'viewer',
  query: Type.Object(pageQuery, strict),
  answer: pageOf(rotation),
  command: 'sftpgw key rotate --status',
  example: { answer: { items: [example], next: null } },
  handle: async ({ root }, { query }) =>
    pageBehind((await rotationJobs(root).list()).map(await viewer({ root })), query, ({ id }) => id),
});

export const getRotation = operation({
  id: 'getRotation',
  group,
  summary: 'Get one rotation with the objects that it could not re-encrypt.',
  method: 'GET',
  path: '/api/rotations/{id}',
  needs: 'viewer',
  parameters: rotationParameters,
  answer: Type.Object({ rotation, problems: Type.Array(problem) }),
  command: 'sftpgw key rotate --status --user bob',
  example: { parameters: { id: example.id }, answer: { rotation: example, problems: [] } },
  handle: async ({ root }, { parameters }) => {
    const jobs = rotationJobs(root);
    const job = await requireJob(jobs, parameters.id);
    const problems: readonly RotationProblem[] = await jobs.problems(job.id);
    return { rotation: (await viewer({ root }))(job), problems: problems.slice(0, maxProblems) };
  },
});

/** Problems in one answer. The counts of the rotation have their number. */
const maxProblems = 1000;

async function requireJob(jobs: ReturnType<typeof rotationJobs>, id: string): Promise<RotationJob> {
  const job = await jobs.find(id as RotationId);
  if (job === null) throw new Fault('not-found', `there is no rotation ${id}`);
  return job;
}

const newPace = {
  objectsPerSecond: Type.Optional(
    Type.Union([Type.Number({ minimum: 0.01, maximum: 100_000 }), Type.Null()]),
  ),
  bytesPerSecond: Type.Optional(Type.Union([Type.Number({ minimum: 1024 }), Type.Null()])),
  parallel: Type.Optional(Type.Integer({ minimum: 1, maximum: 64 })),
};

function paceOf(given: {
  readonly objectsPerSecond?: number | null;
  readonly bytesPerSecond?: number | null;
  readonly parallel?: number;
}): Partial<RotationPace> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

export const beginUserRotation = operation({
  id: 'beginRotation',
  group,
  summary: 'Give a user a new key, and re-encrypt the existing objects in the background.',
  details: 'If a rotation of the user is running, it gets the given pace and is the answer.',
  method: 'POST',
  path: '/api/rotations',
  needs: 'custodian',
  body: Type.Object(
    {
      username,
      versions: Type.Optional(Type.Enum(['keep', 'rewrite'])),
      presentKey: Type.Optional(
        Type.Boolean({ description: 'Creates no key: only re-encrypts older objects.' }),
      ),
      ...newPace,
    },
    strict,
  ),
  status: 202,
  answer: rotation,
  command: 'sftpgw key rotate --user bob',
  example: { body: { username: 'bob', objectsPerSecond: 20 }, answer: example },
  handle: async ({ root }, { body }) => {
    const { username: name, versions = 'keep', presentKey = false, ...rest } = body;
    const job = await beginRotation(root, {
      username: parseUsername(name),
      versions,
      presentKey,
      pace: paceOf(rest),
    });
    return new Reply((await viewer({ root }))(job));
  },
});

export const changeRotation = operation({
  id: 'changeRotation',
  group,
  summary: 'Change the pace of a running rotation. Null removes a limit.',
  method: 'PATCH',
  path: '/api/rotations/{id}',
  needs: 'custodian',
  parameters: rotationParameters,
  body: Type.Object(newPace, strict),
  answer: rotation,
  command: 'sftpgw key rotate --user bob --resume --rate 20/s',
  example: { parameters: { id: example.id }, body: { objectsPerSecond: 20 }, answer: example },
  handle: async ({ root }, { parameters, body }) => {
    const jobs = rotationJobs(root);
    const changed = await updatePace(jobs, await requireJob(jobs, parameters.id), paceOf(body));
    return (await viewer({ root }))(changed);
  },
});

function control(verb: 'pause' | 'resume', summary: string) {
  return operation({
    id: `${verb}Rotation`,
    group,
    summary,
    method: 'POST',
    path: `/api/rotations/{id}/${verb}`,
    needs: 'custodian',
    isIdempotent: true,
    parameters: rotationParameters,
    answer: rotation,
    command: `sftpgw key rotate --user bob --${verb}`,
    example: {
      parameters: { id: example.id },
      answer: { ...example, pausedBy: verb === 'pause' ? 'token deploy' : null },
    },
    handle: async ({ root }, { parameters, person }) => {
      const job = await requireJob(rotationJobs(root), parameters.id);
      const changed = await pauseRotation(root, job, verb === 'pause' ? person.name : null);
      return (await viewer({ root }))(changed);
    },
  });
}

export const pauseRotationById = control('pause', 'Pause a rotation until a person resumes it.');
export const resumeRotationById = control('resume', 'Resume a rotation that a person has paused.');
