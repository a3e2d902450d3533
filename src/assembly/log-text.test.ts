import { describe, expect, it } from 'vitest';
import { Fault } from '../model/fault.js';
import { formatLogLine } from './log-text.js';
import { createLogger } from './logger.js';

const time = new Date(2026, 10, 30, 9, 5, 7).toISOString();

describe('the log on a terminal', () => {
  it('shows time, level, message and fields', () => {
    const line = JSON.stringify({
      level: 'info',
      time,
      user: 'bob',
      path: '/a b',
      n: 3,
      msg: 'upload complete',
    });
    expect(formatLogLine(line, false)).toBe('09:05:07 INFO  upload complete user=bob path="/a b" n=3\n');
  });

  it('colours the level only if colour is requested', () => {
    const line = JSON.stringify({ level: 'error', time, msg: 'x' });
    expect(formatLogLine(line, true)).toContain('\u001b[31mERROR\u001b[0m');
    expect(formatLogLine(line, false)).not.toContain('\u001b');
  });

  it('shows the message and kind of an error without its stack', () => {
    const lines: string[] = [];
    const log = createLogger('info', { isTTY: true, write: (text) => lines.push(text) });
    log.warn('upload failed', { error: new Fault('unavailable', 'S3 does not answer') });
    log.warn('upload failed', { error: new Error('boom') });
    expect(lines[0]).toContain('"unavailable: S3 does not answer"');
    expect(lines[1]).toContain('"boom"');
    expect(lines.join('')).not.toContain('at ');
  });

  it('sends no control character of a field to the terminal', () => {
    const line = JSON.stringify({ level: 'info', time, path: '\u001b]0;x\u0007', msg: 'a\nb' });
    const shown = formatLogLine(line, false);
    expect(shown.endsWith('\n')).toBe(true);
    expect(shown.slice(0, -1)).not.toMatch(/\p{Cc}/u);
  });

  it('leaves a line that is not JSON as it is', () => {
    expect(formatLogLine('plain text\n', true)).toBe('plain text\n');
  });
});

describe('the log elsewhere', () => {
  it('is JSON, one object per line', () => {
    const lines: string[] = [];
    createLogger('info', { write: (text) => lines.push(text) }).info('ready', { port: 22 });
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ level: 'info', msg: 'ready', port: 22 });
  });
});
