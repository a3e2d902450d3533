import { beforeEach, describe, expect, it } from 'vitest';
import type { AuditEvent } from '../model/audit.js';
import { Fault } from '../model/fault.js';
import { type LogLine, recordingLogger } from '../sftp/testing/test-logger.js';
import { TrailRecorder } from './recorder.js';
import { AuditScribe } from './scribe.js';
import { parseSpoolLine } from './spool-line.js';
import { fileEvent } from './testing/trail-world.js';

let written: string[];
let failure: Error | null;
let tries: number;
let records: number;
let nowMs: number;
let isRequired: boolean;
let lines: LogLine[];
let recorder: TrailRecorder;

beforeEach(() => {
  written = [];
  failure = null;
  tries = 0;
  records = 0;
  nowMs = 1_000;
  isRequired = true;
  lines = [];
  recorder = new TrailRecorder({
    append: (line) => {
      tries += 1;
      if (failure !== null) throw failure;
      written.push(line);
    },
    onRecord: () => {
      records += 1;
    },
    node: 'node',
    isRequired: () => isRequired,
    clock: { nowMs: () => nowMs + 5_000, monotonicMs: () => nowMs, sleep: async () => undefined },
    log: recordingLogger(lines),
  });
});

const full = Object.assign(new Error('no space'), { code: 'ENOSPC' });
const read = fileEvent('/a', { action: 'file.read' });
const actions = () => written.map((line) => parseSpoolLine(line)?.[7]);
const unavailable = expect.objectContaining({ kind: 'unavailable' });

describe('a trail that can be written', () => {
  it('has each event once, with the time and the node', () => {
    recorder.requireWritable();
    recorder.record(fileEvent('/a'));
    expect(parseSpoolLine(written[0] ?? '')?.slice(0, 4)).toEqual([6_000, 'node', 'user', 'bob']);
    expect([written.length, records, lines]).toEqual([1, 1, []]);
  });
});

describe('a trail that cannot be written', () => {
  it('refuses each change, and accepts what changes nothing', () => {
    failure = full;
    expect(() => recorder.record(fileEvent('/a'))).toThrow(unavailable);
    expect(() => recorder.requireWritable()).toThrow(unavailable);
    recorder.record(read);
    isRequired = false;
    recorder.requireWritable();
    recorder.record(fileEvent('/a'));
    // The importer is started each time, since it makes space.
    expect(records).toBe(3);
  });

  it('is tried again at most every 100 ms, and then has the gap before the next event', () => {
    failure = full;
    recorder.record(read);
    nowMs += 99;
    recorder.record(read);
    expect(tries).toBe(1);
    nowMs += 1;
    recorder.record(read);
    expect(tries).toBe(2);
    failure = null;
    nowMs += 99;
    expect(() => recorder.requireWritable()).toThrow(unavailable);
    nowMs += 1;
    recorder.requireWritable();
    recorder.record(fileEvent('/b'));
    expect(actions()).toEqual(['audit.gap', 'file.write']);
    const gap = parseSpoolLine(written[0] ?? '');
    expect(gap?.slice(2, 4)).toEqual(['gateway', 'audit']);
    expect(JSON.parse(gap?.[13] ?? '')).toEqual({
      lost: 3,
      sinceMs: 6_000,
      cause: expect.stringContaining('ENOSPC'),
    });
    recorder.record(fileEvent('/c'));
    expect(actions()).toEqual(['audit.gap', 'file.write', 'file.write']);
  });

  it('counts each gap by itself', () => {
    for (const lost of [2, 1]) {
      failure = full;
      for (let at = 0; at < lost; at += 1) recorder.record(read);
      failure = null;
      nowMs += 1_000;
      recorder.record(read);
    }
    expect(actions()).toEqual(['audit.gap', 'file.read', 'audit.gap', 'file.read']);
    expect(written.map((line) => JSON.parse(parseSpoolLine(line)?.[13] ?? '').lost)).toEqual([
      2,
      undefined,
      1,
      undefined,
    ]);
  });

  it('is reported once a minute, and when it can be written again', () => {
    failure = full;
    const levels = () => lines.map(({ level }) => level);
    recorder.record(read);
    nowMs += 59_999;
    recorder.record(read);
    expect(levels()).toEqual(['error']);
    nowMs += 100;
    recorder.record(read);
    expect(levels()).toEqual(['error', 'error']);
    failure = null;
    nowMs += 100;
    recorder.record(read);
    expect(levels()).toEqual(['error', 'error', 'info']);
  });

  it('has the limit of the spool as its cause', () => {
    failure = new Fault('over-quota', 'the limit');
    recorder.record(read);
    failure = null;
    nowMs += 100;
    recorder.record(read);
    expect(JSON.parse(parseSpoolLine(written[0] ?? '')?.[13] ?? '').cause).toBe('the limit');
  });
});

describe('a change that is recorded', () => {
  const events: AuditEvent[] = [];
  let isWritable = true;
  const scribe = new AuditScribe(
    {
      requireWritable: () => {
        if (!isWritable) throw new Fault('unavailable', 'full');
      },
      record: (event) => {
        if (!isWritable) throw new Fault('unavailable', 'full');
        events.push(event);
      },
    },
    { kind: 'admin', name: 'root' },
    { via: 'api' },
    { address: '192.0.2.7', request: 'r1' },
  );
  beforeEach(() => {
    events.length = 0;
    isWritable = true;
  });

  it('is not made while the trail cannot be written', async () => {
    isWritable = false;
    let isMade = false;
    const make = async () => {
      isMade = true;
    };
    await expect(scribe.change({ action: 'user.add' }, make)).rejects.toMatchObject({ kind: 'unavailable' });
    expect(isMade).toBe(false);
    expect(() => scribe.note({ action: 'user.add' })).not.toThrow();
    expect(() => scribe.record({ action: 'user.add' })).toThrow(unavailable);
  });

  it('has the actor, the address and the details of its scribe', async () => {
    expect(await scribe.change({ action: 'user.add', target: 'bob', details: { a: 1 } }, async () => 7)).toBe(
      7,
    );
    scribe.as('alice', { by: 'link' }).note({ action: 'user.remove', result: 'denied' });
    expect(events).toEqual([
      {
        action: 'user.add',
        target: 'bob',
        result: 'ok',
        address: '192.0.2.7',
        request: 'r1',
        actor: { kind: 'admin', name: 'root' },
        details: { a: 1, via: 'api' },
      },
      {
        action: 'user.remove',
        result: 'denied',
        address: '192.0.2.7',
        request: 'r1',
        actor: { kind: 'admin', name: 'alice' },
        details: { via: 'api', by: 'link' },
      },
    ]);
  });

  it('that fails is recorded with the kind of its fault', async () => {
    const failing = () => Promise.reject(new Fault('conflict', 'no'));
    await expect(scribe.change({ action: 'user.add' }, failing)).rejects.toMatchObject({ kind: 'conflict' });
    expect(events).toMatchObject([{ action: 'user.add', result: 'conflict' }]);
  });

  it('is described by its result, and not recorded if nothing has changed', async () => {
    const work = async () => 'made';
    await scribe.change({ action: 'user.add' }, work, () => null);
    expect(events).toEqual([]);
    await scribe.change({ action: 'user.add' }, work, (target) => ({ action: 'user.change', target }));
    expect(events).toMatchObject([{ action: 'user.change', target: 'made', result: 'ok' }]);
  });
});
