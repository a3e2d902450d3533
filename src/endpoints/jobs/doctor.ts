import Type from 'typebox';
import { Reply } from '../../api/description/operation.js';
import { doctorResult } from '../../operations/jobs/kinds.js';
import { operation } from '../context.js';
import { isoTime, isoTimeOrNull, time, timeOrNull } from '../schemas.js';
import { exampleJob, jobSchema, viewJob } from './view.js';

const finding = Type.Object({
  code: Type.String(),
  severity: Type.Enum(['error', 'warning', 'notice']),
  subject: Type.String(),
  what: Type.String(),
  why: Type.String(),
  whatToDo: Type.String(),
  since: { ...time, description: 'The first check in a row that found it.' },
});

export const runDoctorJob = operation({
  id: 'runDoctor',
  group: 'doctor',
  summary: 'Begin a job that checks the whole setup.',
  details: 'It writes small objects and removes them.',
  method: 'POST',
  path: '/api/doctor/run',
  needs: 'operator',
  status: 202,
  answer: jobSchema,
  command: 'sftpgw doctor',
  example: { answer: { ...exampleJob, kind: 'doctor' } },
  handle: async ({ runner }, { person }) => new Reply(viewJob(await runner.begin('doctor', {}, person.name))),
});

export const getDoctor = operation({
  id: 'getDoctor',
  group: 'doctor',
  summary: 'Get the findings of the last complete check, the most severe first.',
  method: 'GET',
  path: '/api/doctor',
  needs: 'viewer',
  answer: Type.Object({
    checked: { ...timeOrNull, description: 'Null if nothing was checked yet.' },
    findings: Type.Array(finding),
  }),
  command: 'sftpgw doctor',
  example: {
    answer: {
      checked: '2026-05-01T12:00:00.000Z',
      findings: [
        {
          code: 'no-recovery',
          severity: 'warning',
          subject: 'gateway',
          what: 'there is no recovery identity',
          why: 'Without this machine, every object with a customer key is lost.',
          whatToDo: 'sftpgw recovery init',
          since: '2026-04-01T12:00:00.000Z',
        },
      ],
    },
  },
  handle: async ({ jobs }) => {
    const last = await jobs.lastDone('doctor');
    const findings = (doctorResult(last) ?? []).map(({ sinceMs, ...rest }) => ({
      ...rest,
      since: isoTime(sinceMs),
    }));
    return { checked: isoTimeOrNull(last?.finishedMs ?? null), findings };
  },
});
