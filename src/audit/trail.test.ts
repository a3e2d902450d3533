import { appendFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../test/support/wait.js';
import type { AuditRow } from '../model/audit.js';
import { Fault } from '../model/fault.js';
import { recordingLogger, testEntropy } from '../sftp/testing/test-logger.js';
import { CommandRecorder } from './command-recorder.js';
import type { AuditReceiver } from './outputs/receiver.js';
import { furtherSpools, spoolPaths } from './spool-directory.js';
import { maxTextLength } from './spool-line.js';
import { fileEvent, TrailWorld } from './testing/trail-world.js';

let world: TrailWorld;
beforeEach(async () => {
  world = await TrailWorld.open();
});
afterEach(async () => await world[Symbol.asyncDispose]());

const segments = () => readdirSync(world.spoolDirectory).filter((name) => name.endsWith('.jsonl'));
const targets = (rows: readonly AuditRow[]) => rows.map(({ target }) => target);

describe('the audit trail', () => {
  it('has an event in a file of its owner alone when record returns, and in the database soon', async () => {
    const trail = await world.trail();
    trail.recorder.record(fileEvent('/uploads/a'));
    const [segment = ''] = segments();
    const path = join(world.spoolDirectory, segment);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readFileSync(path, 'utf8')).toContain('"/uploads/a"');
    const row = await eventually('the row', async () => (await trail.reader.after(0, 1))[0] ?? null);
    expect(row).toMatchObject({
      seq: 1,
      action: 'file.write',
      target: '/uploads/a',
      node: '0123456789abcdef',
    });
    expect(row).toMatchObject({ actor: { kind: 'user', name: 'bob' }, address: '192.0.2.7', result: 'ok' });
  });

  it('imports the spool of a process that was killed before its own events, exactly once', async () => {
    const killed = await world.trail();
    for (let number = 0; number < 1000; number++) killed.recorder.record(fileEvent(`/uploads/${number}`));
    await killed.flush();
    for (let number = 1000; number < 1500; number++) killed.recorder.record(fileEvent(`/uploads/${number}`));
    const next = await world.trail();
    next.recorder.record(fileEvent('/uploads/last'));
    const rows = await world.rows(next);
    const expected = Array.from({ length: 1500 }, (_, number) => `/uploads/${number}`);
    expect(targets(rows)).toEqual([...expected, '/uploads/last']);
    expect(segments()).toHaveLength(1);
    expect((await next.reader.verify()).problem).toBeNull();
  });

  it('imports the spool that a killed worker has left, exactly once, and removes its directory', async () => {
    const spool = spoolPaths(world.spoolDirectory, 2);
    const killed = await world.trail({ spool });
    killed.recorder.record(fileEvent('one'));
    await killed.flush();
    killed.recorder.record(fileEvent('two'));
    expect(furtherSpools(world.spoolDirectory)).toEqual([2]);
    const next = await world.trail({ leftSpools: [spool] });
    expect(targets(await world.rows(next))).toEqual(['one', 'two']);
    expect(furtherSpools(world.spoolDirectory)).toEqual([]);
    expect((await next.reader.verify()).problem).toBeNull();
  });

  it('ignores the torn end of a line that a power loss left, and reports a damaged line', async () => {
    mkdirSync(world.spoolDirectory, { recursive: true });
    const trail = await world.trail();
    trail.recorder.record(fileEvent('/uploads/a'));
    await trail[Symbol.asyncDispose]();
    const line =
      '[1,"0123456789abcdef","user","bob",null,null,null,"file.write","/x",null,null,"ok",null,"{}"]';
    const left = `${line}\nnot json\n${line.slice(0, 40)}`;
    writeFileSync(join(world.spoolDirectory, 'spool-000000000000001-00.jsonl'), left);
    const next = await world.trail();
    expect(targets(await world.rows(next))).toEqual(['/uploads/a', '/x']);
    expect(world.lines.map(({ message }) => message)).toContain(
      'damaged line in the spool of the audit trail',
    );
    expect(segments()).toHaveLength(0);
  });

  it('imports the events of commands, and removes their files', async () => {
    const trail = await world.trail();
    const command = new CommandRecorder({
      incoming: join(world.spoolDirectory, 'incoming'),
      node: () => '0123456789abcdef',
      isRequired: () => true,
      clock: world.clock,
      entropy: testEntropy,
      log: recordingLogger(world.lines),
    });
    command.requireWritable();
    command.record({
      action: 'user.add',
      actor: { kind: 'admin', name: 'root' },
      target: 'carol',
      result: 'ok',
    });
    const row = await eventually('the row', async () => (await trail.reader.after(0, 1))[0] ?? null);
    expect(row).toMatchObject({ action: 'user.add', target: 'carol', actor: { kind: 'admin' } });
    const incoming = join(world.spoolDirectory, 'incoming');
    await eventually('the file is removed', () => readdirSync(incoming).length === 0);
  });

  it('cuts long texts with a mark, and repairs text that is not Unicode', async () => {
    const trail = await world.trail();
    trail.recorder.record(fileEvent(`/uploads/${'ü'.repeat(100_000)}`));
    trail.recorder.record(fileEvent('/uploads/\ud800', { details: { text: 'x'.repeat(100_000) } }));
    const [long, broken] = await world.rows(trail);
    expect(long?.target).toHaveLength(maxTextLength);
    expect(long?.target?.endsWith('…')).toBe(true);
    expect(broken?.target).toBe('/uploads/\ufffd');
    expect(broken?.details).toBe('{"truncated":true}');
    expect((await trail.reader.verify()).problem).toBeNull();
  });

  it('removes events by age from the oldest on, and the rest can still be verified', async () => {
    const trail = await world.trail();
    for (let number = 0; number < 20; number++) trail.recorder.record(fileEvent(`/uploads/${number}`));
    await world.rows(trail);
    await world.database.write((trx) =>
      trx.updateTable('audit_event').set({ time_ms: 1 }).where('seq', '<=', 15).execute(),
    );
    const next = await world.trail();
    await eventually('the old events are removed, which is an event itself', async () => {
      const left = await world.rows(next);
      return left[0]?.seq === 16 && left.at(-1)?.action === 'audit.prune';
    });
    expect(await next.reader.verify()).toMatchObject({ firstSeq: 16, problem: null });
  });
});

describe('a trail that cannot be written', () => {
  const failing = async (isRequired: boolean) => {
    const trail = await world.trail({ spoolLimitBytes: 600, isRequired: () => isRequired });
    let error: unknown = null;
    for (let number = 0; number < 10 && error === null; number++) {
      try {
        trail.recorder.record(fileEvent(`/uploads/${number}`));
      } catch (thrown) {
        error = thrown;
      }
    }
    return { trail, error };
  };

  it('refuses changes, accepts the rest, and records the gap afterwards', async () => {
    const { trail, error } = await failing(true);
    expect(error).toMatchObject({ kind: 'unavailable', hint: expect.stringContaining('accepts no changes') });
    expect(() => trail.recorder.requireWritable()).toThrow(Fault);
    trail.recorder.record(fileEvent('/uploads/read', { action: 'file.read' }));
    expect(world.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
    // The import of the spool makes space.
    await eventually('changes are accepted', () => {
      try {
        trail.recorder.requireWritable();
        return true;
      } catch {
        return false;
      }
    });
    trail.recorder.record(fileEvent('/uploads/after'));
    const rows = await world.rows(trail);
    const gap = rows.find(({ action }) => action === 'audit.gap');
    expect(JSON.parse(gap?.details ?? '{}')).toMatchObject({ lost: 2 });
    expect(rows.at(-1)?.target).toBe('/uploads/after');
  });

  it('accepts changes with audit.required=no', async () => {
    const { trail, error } = await failing(false);
    expect(error).toBeNull();
    expect(() => trail.recorder.requireWritable()).not.toThrow();
  });
});

describe('a receiver', () => {
  class TestReceiver implements AuditReceiver {
    readonly name = 'test';
    readonly got: number[] = [];
    failures = 0;
    async send(rows: readonly AuditRow[]): Promise<void> {
      if (this.failures > 0) {
        this.failures -= 1;
        throw new Fault('unavailable', 'not now');
      }
      this.got.push(...rows.map(({ seq }) => seq));
    }
    async [Symbol.asyncDispose](): Promise<void> {}
  }

  it('gets every event in order, also those that a restart left', async () => {
    const receiver = new TestReceiver();
    receiver.failures = 1;
    const trail = await world.trail({ receivers: [receiver] });
    for (let number = 0; number < 450; number++) trail.recorder.record(fileEvent(`/uploads/${number}`));
    await eventually('all are sent', () => receiver.got.length === 450);
    await trail[Symbol.asyncDispose]();
    const unheard = await world.trail();
    unheard.recorder.record(fileEvent('/uploads/x'));
    expect(receiver.got).toEqual(Array.from({ length: 450 }, (_, index) => index + 1));
  });

  it('continues behind the last event that it has got', async () => {
    const first = new TestReceiver();
    const trail = await world.trail({ receivers: [first] });
    trail.recorder.record(fileEvent('/uploads/1'));
    await eventually('it is sent', () => first.got.length === 1);
    await trail[Symbol.asyncDispose]();
    appendFileSync(
      join(world.spoolDirectory, 'spool-000000000000001-00.jsonl'),
      '[1,"0123456789abcdef","user","bob",null,null,null,"file.write","/x",null,null,"ok",null,"{}"]\n',
    );
    const second = new TestReceiver();
    await world.trail({ receivers: [second] });
    await eventually('the event in between', () => second.got.length === 1);
    expect(second.got).toEqual([2]);
  });
});
