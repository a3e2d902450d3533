import { beforeEach, expect, it } from 'vitest';
import { AuditScribe } from '../audit/scribe.js';
import type { AuditEvent } from '../model/audit.js';
import { Fault } from '../model/fault.js';
import { LoginRefusals, maxRefusalsPerMinute } from './refusals.js';

let nowMs = 0;
let events: AuditEvent[] = [];
const recorder = { requireWritable: () => undefined, record: (event: AuditEvent) => void events.push(event) };
const scribe = new AuditScribe(recorder, { kind: 'gateway', name: 'test' });
const fault = new Fault('unauthenticated', 'wrong code');

beforeEach(() => {
  nowMs = 0;
  events = [];
});

it('a refusal is recorded with the name that was given, the kind and the reason', () => {
  const refusals = new LoginRefusals({ monotonicMs: () => nowMs });
  refusals.record(scribe, 'alice', fault);
  expect(events).toMatchObject([
    {
      action: 'admin.refused',
      actor: { kind: 'admin', name: 'alice' },
      target: 'alice',
      result: 'unauthenticated',
      details: { reason: 'wrong code' },
    },
  ]);
  expect(events[0]?.details).not.toHaveProperty('notRecorded');
  refusals.record(scribe, 'a'.repeat(101), fault);
  expect(events[1]?.actor.name).toBe('a'.repeat(100));
});

it('refusals beyond those of a minute are counted in the next event', () => {
  const refusals = new LoginRefusals({ monotonicMs: () => nowMs });
  for (let count = 0; count < maxRefusalsPerMinute + 7; count += 1) refusals.record(scribe, 'alice', fault);
  nowMs = 59_999;
  refusals.record(scribe, 'alice', fault);
  expect(events).toHaveLength(maxRefusalsPerMinute);
  nowMs = 60_000;
  refusals.record(scribe, 'alice', fault);
  refusals.record(scribe, 'alice', fault);
  expect(events.slice(maxRefusalsPerMinute).map(({ details }) => details?.['notRecorded'])).toEqual([
    8,
    undefined,
  ]);
  // The minute began with the first refusal after the last one.
  for (let count = 2; count < maxRefusalsPerMinute; count += 1) refusals.record(scribe, 'alice', fault);
  nowMs = 119_999;
  refusals.record(scribe, 'alice', fault);
  expect(events).toHaveLength(2 * maxRefusalsPerMinute);
});

it('a trail that cannot be written does not change the refusal', () => {
  const failing = new AuditScribe(
    {
      requireWritable: () => undefined,
      record: () => {
        throw new Fault('unavailable', 'full');
      },
    },
    { kind: 'gateway', name: 'test' },
  );
  expect(() => new LoginRefusals({ monotonicMs: () => nowMs }).record(failing, 'alice', fault)).not.toThrow();
});
