import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fileEvent, TrailWorld } from '../audit/testing/trail-world.js';
import type { AuditTrail } from '../audit/trail.js';
import { noActivity } from '../model/api/activity.js';
import type { AuditEvent } from '../model/audit.js';
import { activityKeepMs, activityStepMs, createActivityReader } from './activity.js';

const startMs = 1_800_000_000_000 - (1_800_000_000_000 % activityStepMs);
let world: TrailWorld;
let trail: AuditTrail;
let nowMs = startMs;

beforeEach(async () => {
  nowMs = startMs;
  const clock = { nowMs: () => nowMs, monotonicMs: () => performance.now(), sleep: async () => undefined };
  world = await TrailWorld.open(clock);
  trail = await world.trail();
});
afterEach(async () => await world[Symbol.asyncDispose]());

const record = async (atMs: number, ...events: readonly AuditEvent[]) => {
  nowMs = atMs;
  for (const event of events) trail.recorder.record(event);
  await trail.flush();
};
const of = (name: string, more: Partial<AuditEvent>) =>
  fileEvent('/uploads/f', { actor: { kind: 'user', name }, ...more });

describe('the activity of users', () => {
  it('is counted by steps of five minutes, also over several commits', async () => {
    await record(
      startMs,
      of('bob', { details: { bytes: 10 } }),
      of('bob', { action: 'file.read', details: { bytes: 7 } }),
      of('bob', { result: 'denied' }),
    );
    await record(
      startMs + activityStepMs - 1,
      of('eve', { details: { bytes: 5 } }),
      of('eve', { action: 'session.login' }),
      of('x', {
        action: 'session.refused',
        actor: { kind: 'gateway', name: 'sftpgw' },
        details: { count: 3 },
      }),
    );
    await record(startMs + activityStepMs, of('bob', { details: { bytes: 1 } }));
    const reader = createActivityReader(world.database);
    const first = { uploads: 2, downloads: 1, bytesReceived: 15, bytesSent: 7, failed: 1, logins: 1 };
    const second = { ...noActivity, uploads: 1, bytesReceived: 1 };
    expect(await reader.since(startMs)).toEqual([
      { startMs, ...first, refusedLogins: 3 },
      { startMs: startMs + activityStepMs, ...second },
    ]);
    expect(await reader.since(startMs + 1)).toHaveLength(1);
    expect(await reader.lastTimes()).toEqual(
      new Map([
        ['bob', { loginMs: null, fileMs: startMs + activityStepMs }],
        ['eve', { loginMs: startMs + activityStepMs - 1, fileMs: startMs + activityStepMs - 1 }],
      ]),
    );
  });

  it('counts no actions of administrators and of the gateway', async () => {
    await record(startMs, fileEvent('/uploads/f', { actor: { kind: 'admin', name: 'root' } }));
    expect(await createActivityReader(world.database).since(0)).toEqual([]);
  });

  it('is forgotten after its time, and the last times of a user are not', async () => {
    await record(startMs, of('bob', {}));
    await record(startMs + activityKeepMs, of('eve', {}));
    const reader = createActivityReader(world.database);
    expect((await reader.since(0)).map((step) => step.startMs)).toEqual([startMs, startMs + activityKeepMs]);
    await record(startMs + activityKeepMs + activityStepMs, of('eve', {}));
    expect((await reader.since(0)).map((step) => step.startMs)).toEqual([
      startMs + activityKeepMs,
      startMs + activityKeepMs + activityStepMs,
    ]);
    expect((await reader.lastTimes()).get('bob')?.fileMs).toBe(startMs);
  });
});
