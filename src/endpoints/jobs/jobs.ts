import Type from 'typebox';
import {
  decodeCursor,
  defaultPageSize,
  encodeCursor,
  pageOf,
  pageQuery,
} from '../../api/description/page.js';
import type { Job } from '../../model/api/jobs.js';
import { Fault } from '../../model/fault.js';
import { type ApiContext, operation } from '../context.js';
import { strict } from '../schemas.js';
import { exampleJob, jobSchema, viewJob } from './view.js';

const group = 'jobs';

const jobParameters = Type.Object({ id: Type.String({ minLength: 1, maxLength: 64 }) });
const of = { parameters: { id: exampleJob.id } };

export const listJobs = operation({
  id: 'listJobs',
  group,
  summary: 'List the jobs, the newest first.',
  details:
    'A job continues without its client, and after a restart of the gateway. Rotations are listed separately.',
  method: 'GET',
  path: '/api/jobs',
  needs: 'viewer',
  query: Type.Object(pageQuery, strict),
  answer: pageOf(jobSchema),
  example: { answer: { items: [exampleJob], next: null } },
  handle: async ({ jobs }, { query }) => {
    const limit = query.limit ?? defaultPageSize;
    const after = decodeCursor(query.cursor, 1)?.[0];
    const found = await jobs.list(after === undefined ? null : String(after), limit + 1);
    const shown = found.slice(0, limit);
    const last = shown.at(-1);
    return {
      items: shown.map(viewJob),
      next: last !== undefined && found.length > limit ? encodeCursor([last.id]) : null,
    };
  },
});

export const getJob = operation({
  id: 'getJob',
  group,
  summary: 'Get one job with its progress and result.',
  method: 'GET',
  path: '/api/jobs/{id}',
  needs: 'viewer',
  parameters: jobParameters,
  answer: jobSchema,
  example: { ...of, answer: exampleJob },
  handle: async (context, { parameters }) => viewJob(await requireJob(context, parameters.id)),
});

async function requireJob({ jobs }: ApiContext, id: string): Promise<Job> {
  const found = await jobs.find(id);
  if (found === null) throw new Fault('not-found', `there is no job ${id}`);
  return found;
}

/** Jobs of keys and of the ledger need a custodian, those of objects an operator. */
const custodianKinds: readonly string[] = ['prove-key', 'destroy-key', 'verify-ledger', 'rebuild-ledger'];

async function requireControl(context: ApiContext, id: string, role: string): Promise<void> {
  const { kind } = await requireJob(context, id);
  const needed = custodianKinds.includes(kind) ? 'custodian' : 'operator';
  if (role !== 'admin' && role !== needed) {
    throw new Fault('denied', `a job of the kind ${kind} needs the role ${needed}`);
  }
}

function control(verb: 'cancel' | 'pause' | 'resume', summary: string) {
  return operation({
    id: `${verb}Job`,
    group,
    summary,
    details: 'Jobs of keys and of the ledger need the role `custodian`, the others `operator`.',
    method: 'POST',
    path: `/api/jobs/{id}/${verb}`,
    needs: 'viewer',
    parameters: jobParameters,
    answer: jobSchema,
    example: {
      ...of,
      answer: {
        ...exampleJob,
        state: { cancel: 'cancelled', pause: 'paused', resume: 'waiting' }[verb] as 'paused',
      },
    },
    handle: async (context, { parameters, person }) => {
      await requireControl(context, parameters.id, person.role);
      return viewJob(await context.runner[verb](parameters.id));
    },
  });
}

export const cancelJob = control('cancel', 'Stop a job for good. Its changes stay.');
export const pauseJob = control('pause', 'Stop a job until it is resumed.');
export const resumeJob = control('resume', 'Continue a paused job.');
