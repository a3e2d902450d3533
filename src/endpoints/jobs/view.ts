import Type from 'typebox';
import { type Job, jobKinds } from '../../model/api/jobs.js';
import { isoTime, isoTimeOrNull, time, timeOrNull } from '../schemas.js';

/** The form of a job in answers. */
export const jobSchema = Type.Object({
  id: Type.String(),
  kind: Type.Enum([...jobKinds]),
  request: Type.Unknown(),
  state: Type.Enum(['waiting', 'running', 'paused', 'done', 'failed', 'cancelled']),
  progress: Type.Union([Type.Record(Type.String(), Type.Number()), Type.Null()]),
  result: Type.Unknown({ description: 'Null until it is done.' }),
  fault: Type.Union([Type.Object({ kind: Type.String(), text: Type.String() }), Type.Null()]),
  person: Type.String(),
  created: time,
  updated: time,
  finished: timeOrNull,
});

export const exampleJob = {
  id: '1e2b4d6f785f3a0c',
  kind: 'copy-tree',
  request: {},
  state: 'running',
  progress: { objects: 120, bytes: 73400320 },
  result: null,
  fault: null,
  person: 'token deploy',
  created: '2026-05-01T12:00:00.000Z',
  updated: '2026-05-01T12:00:10.000Z',
  finished: null,
} as const;

/** Returns a job as answers show it. */
export function viewJob({ position: _position, createdMs, updatedMs, finishedMs, ...found }: Job) {
  return {
    ...found,
    created: isoTime(createdMs),
    updated: isoTime(updatedMs),
    finished: isoTimeOrNull(finishedMs),
  };
}
