import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AuditEvent } from '../model/audit.js';
import { type LogLine, recordingLogger } from '../sftp/testing/test-logger.js';
import { CommandRecorder, maxIncoming } from './command-recorder.js';
import { readNodeId } from './node-id.js';
import { nextSegment, segmentsIn, spoolBytes } from './spool-directory.js';
import {
  formatSpoolLine,
  maxDetailsLength,
  maxTextLength,
  parseSpoolLine,
  spooledEvent,
} from './spool-line.js';
import { SpoolWriter } from './spool-writer.js';

const mebibyte = 1024 * 1024;
let directory: string;
let nowMs: number;
let failures: unknown[];
let names = 0;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sftpgw-spool-'));
  nowMs = 1_000;
  failures = [];
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const writer = (limitBytes = 1024 * mebibyte, at = directory) =>
  new SpoolWriter({
    directory: at,
    limitBytes,
    nowMs: () => nowMs,
    random: () => String(++names),
    syncFailed: (error) => failures.push(error),
  });
const contents = () => segmentsIn(directory).map((name) => readFileSync(join(directory, name), 'utf8'));

describe('the spool', () => {
  it('opens no file before the first line, and appends to one file of its owner alone', () => {
    const spool = writer();
    expect([segmentsIn(directory), spool.segment, spool.totalBytes]).toEqual([[], null, 0]);
    spool.append('a\n');
    spool.append('ü\n');
    expect(contents()).toEqual(['a\nü\n']);
    expect(segmentsIn(directory)).toEqual([spool.segment]);
    expect(spool.totalBytes).toBe(5);
    expect(statSync(join(directory, spool.segment ?? '')).mode & 0o777).toBe(0o600);
    spool.close();
    expect(spool.segment).toBeNull();
    expect(spool.totalBytes).toBe(5);
    spool.close();
  });

  it('begins another file after 8 MiB, which sorts behind the others even if the clock goes back', () => {
    const spool = writer();
    const half = `${'x'.repeat(4 * mebibyte - 1)}\n`;
    spool.append(half);
    spool.append(half);
    const first = spool.segment;
    nowMs = 1;
    spool.append('y\n');
    expect(segmentsIn(directory)).toEqual([first, spool.segment]);
    expect(contents().map((text) => text.length)).toEqual([8 * mebibyte, 2]);
    expect(spool.totalBytes).toBe(8 * mebibyte + 2);
    spool.close();
  });

  it('refuses lines beyond its limit, counts what was there before, and accepts them after a removal', () => {
    writeFileSync(join(directory, 'spool-000000000000001-a.jsonl'), 'x'.repeat(60));
    writeFileSync(join(directory, 'notes.txt'), 'x'.repeat(600));
    const spool = writer(100);
    expect(spool.totalBytes).toBe(60);
    spool.append(`${'y'.repeat(39)}\n`);
    expect(() => spool.append('\n')).toThrow(expect.objectContaining({ kind: 'over-quota' }));
    // The file is complete, so that it can be imported and removed.
    expect(spool.segment).toBeNull();
    expect(spool.totalBytes).toBe(100);
    spool.removed(60);
    spool.append(`${'z'.repeat(59)}\n`);
    expect(spool.totalBytes).toBe(100);
    spool.removed(1_000);
    expect(spool.totalBytes).toBe(60);
    spool.close();
    expect(contents()).toHaveLength(3);
  });

  it('is refused by the system, and works again afterwards', () => {
    const missing = join(directory, 'missing');
    const spool = writer(1_000, missing);
    expect(() => spool.append('a\n')).toThrow('ENOENT');
    expect(spool.totalBytes).toBe(0);
    mkdirSync(missing);
    spool.append('a\n');
    expect(spool.totalBytes).toBe(2);
    spool.close();
  });

  it('of a missing directory is empty, and one that cannot be read is not', () => {
    expect(segmentsIn(join(directory, 'missing'))).toEqual([]);
    writeFileSync(join(directory, 'file'), '');
    expect(() => segmentsIn(join(directory, 'file'))).toThrow('ENOTDIR');
    expect(spoolBytes(join(directory, 'missing'))).toBe(0);
  });
});

describe('the name of a segment', () => {
  it.each([
    [undefined, 5, 'spool-000000000000005-r.jsonl'],
    ['spool-000000000000005-x.jsonl', 5, 'spool-000000000000006-r.jsonl'],
    ['spool-000000000000005-x.jsonl', 9, 'spool-000000000000009-r.jsonl'],
    ['spool-not-a-number-at-all.jsonl', 9, 'spool-000000000000009-r.jsonl'],
  ])('after %s at %d is %s', (last, at, name) => expect(nextSegment(last, at, 'r')).toBe(name));
});

describe('a line of the spool', () => {
  const event: AuditEvent = { action: 'user.add', actor: { kind: 'admin', name: 'root' }, result: 'ok' };
  const spooled = spooledEvent(event, 7, 'node');

  it('has every field of its event, and null for those that it has not', () => {
    expect(spooled).toEqual([
      7,
      'node',
      'admin',
      'root',
      null,
      null,
      null,
      'user.add',
      null,
      null,
      null,
      'ok',
      null,
      '{}',
    ]);
    const whole = {
      ...event,
      address: 'a',
      session: 's',
      request: 'r',
      target: 't',
      bucket: 'b',
      objectKey: 'o',
      keyId: 'k',
      details: { x: 1 },
    } as unknown as AuditEvent;
    expect(spooledEvent(whole, 7, 'node')).toEqual([
      ...[7, 'node', 'admin', 'root', 'a', 's', 'r', 'user.add', 't', 'b', 'o', 'ok', 'k', '{"x":1}'],
    ]);
    expect(parseSpoolLine(formatSpoolLine(spooled))).toEqual(spooled);
    expect(formatSpoolLine(spooled)).toMatch(/^[^\n]+\n$/);
  });

  it('cuts what is too long, and nothing else', () => {
    const target = (text: string) => spooledEvent({ ...event, target: text }, 7, 'node')[8];
    expect(target('x'.repeat(maxTextLength))).toBe('x'.repeat(maxTextLength));
    expect(target('x'.repeat(maxTextLength + 1))).toBe(`${'x'.repeat(maxTextLength - 1)}…`);
    const details = (length: number) =>
      spooledEvent({ ...event, details: { x: 'y'.repeat(length - '{"x":""}'.length) } }, 7, 'node')[13];
    expect(details(maxDetailsLength)).toHaveLength(maxDetailsLength);
    expect(details(maxDetailsLength + 1)).toBe('{"truncated":true}');
    expect(target('a\ud800b')).toBe('a\ufffdb');
  });

  it('is damaged if a field is missing or has another type', () => {
    for (let at = 0; at < spooled.length; at += 1) {
      const without = spooled.filter((_, index) => index !== at);
      expect(parseSpoolLine(JSON.stringify(without)), `without field ${at}`).toBeNull();
      const other = spooled.map((field, index) => (index === at ? (at === 0 ? '7' : 7) : field));
      expect(parseSpoolLine(JSON.stringify(other)), `field ${at} of another type`).toBeNull();
      const none = spooled.map((field, index) => (index === at ? null : field));
      const mayBeNull = [4, 5, 6, 8, 9, 10, 12].includes(at);
      expect(parseSpoolLine(JSON.stringify(none)) !== null, `field ${at} is null`).toBe(mayBeNull);
    }
    for (const text of ['', '{}', 'null', '[', '[1.5]', JSON.stringify([...spooled, null])])
      expect(parseSpoolLine(text)).toBeNull();
    expect(parseSpoolLine(JSON.stringify([1.5, ...spooled.slice(1)]))).toBeNull();
  });
});

describe('the id of a gateway', () => {
  const entropy = (id = '0123456789abcdef') => ({ id: () => id, bytes: () => new Uint8Array() });

  it('is made once, for its owner alone', () => {
    const path = join(directory, 'state/node-id');
    expect(readNodeId(path, entropy())).toBe('0123456789abcdef');
    expect(readNodeId(path, entropy('f'.repeat(16)))).toBe('0123456789abcdef');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(directory, 'state')).mode & 0o777).toBe(0o700);
  });

  it('is the one of a process that was faster', () => {
    const path = join(directory, 'node-id');
    const faster = {
      ...entropy(),
      id: () => {
        writeFileSync(path, 'f'.repeat(16));
        return '0123456789abcdef';
      },
    };
    expect(readNodeId(path, faster)).toBe('f'.repeat(16));
  });

  it.each(['', '0123456789abcde', '0123456789abcdef0', '0123456789ABCDEF'])(
    'is not %j, and such a file is not replaced',
    (text) => {
      const path = join(directory, 'node-id');
      writeFileSync(path, text);
      expect(() => readNodeId(path, entropy())).toThrow(expect.objectContaining({ kind: 'corrupt' }));
      expect(readFileSync(path, 'utf8')).toBe(text);
    },
  );

  it('is unavailable if it cannot be read or created', () => {
    writeFileSync(join(directory, 'file'), '');
    for (const path of [directory, join(directory, 'file/node-id')])
      expect(() => readNodeId(path, entropy())).toThrow(expect.objectContaining({ kind: 'unavailable' }));
  });
});

describe('the events of commands', () => {
  const change: AuditEvent = { action: 'user.add', actor: { kind: 'admin', name: 'root' }, result: 'ok' };
  const lines: LogLine[] = [];
  const recorder = (isRequired: boolean, incoming = join(directory, 'incoming')) =>
    new CommandRecorder({
      incoming,
      node: () => 'node',
      isRequired: () => isRequired,
      clock: { nowMs: () => nowMs, monotonicMs: () => nowMs, sleep: async () => undefined },
      entropy: { id: () => String(++names), bytes: () => new Uint8Array() },
      log: recordingLogger(lines),
    });

  it('are complete files of their owner alone, and nothing else is left', () => {
    const incoming = join(directory, 'incoming');
    recorder(true).record(change);
    recorder(true).record({ ...change, target: 'carol' });
    const files = readdirSync(incoming);
    expect(files).toEqual(segmentsIn(incoming));
    expect(files).toHaveLength(2);
    for (const name of files) {
      const text = readFileSync(join(incoming, name), 'utf8');
      expect(parseSpoolLine(text)?.slice(0, 3)).toEqual([nowMs, 'node', 'admin']);
      expect(statSync(join(incoming, name)).mode & 0o777).toBe(0o600);
    }
    expect(statSync(incoming).mode & 0o777).toBe(0o700);
  });

  it('that cannot be written refuse a change, unless the trail is optional', () => {
    writeFileSync(join(directory, 'file'), '');
    const incoming = join(directory, 'file/incoming');
    const unavailable = expect.objectContaining({ kind: 'unavailable' });
    expect(() => recorder(true, incoming).requireWritable()).toThrow(unavailable);
    expect(() => recorder(false, incoming).requireWritable()).not.toThrow();
    expect(() => recorder(true, incoming).record(change)).toThrow(unavailable);
    lines.length = 0;
    recorder(false, incoming).record(change);
    recorder(true, incoming).record({ ...change, action: 'file.read' });
    expect(lines.map(({ level }) => level)).toEqual(['warn', 'warn']);
  });

  it('refuse changes while too many of them wait', () => {
    const incoming = join(directory, 'incoming');
    mkdirSync(incoming);
    for (let at = 0; at < maxIncoming - 1; at += 1) writeFileSync(join(incoming, String(at)), '');
    expect(() => recorder(true).requireWritable()).not.toThrow();
    writeFileSync(join(incoming, 'last'), '');
    expect(() => recorder(true).requireWritable()).toThrow(expect.objectContaining({ kind: 'unavailable' }));
    expect(() => recorder(false).requireWritable()).not.toThrow();
  });
});
