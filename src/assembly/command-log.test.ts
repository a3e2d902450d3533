import { describe, expect, it } from 'vitest';
import { Fault } from '../model/fault.js';
import { createCommandLog } from './command-log.js';

describe("a command's log", () => {
  const lines: string[] = [];
  const log = createCommandLog({ write: (text: string) => lines.push(text) });

  it('prints each warning and error once, as a sentence, and nothing else', () => {
    const error = new Fault('unavailable', 'nothing listens at the S3 endpoint');
    log.info('started');
    log.debug('a detail');
    log.warn('S3 request failed; trying again', { attempt: 1, error });
    log.child({ request: '1' }).warn('S3 request failed; trying again', { attempt: 2, error });
    log.error('the log is full');
    expect(lines).toEqual([
      'warning: S3 request failed; trying again: nothing listens at the S3 endpoint\n',
      'error: the log is full\n',
    ]);
  });

  it('does not print the text of a foreign error, which may contain a key', () => {
    log.warn('something went wrong', { error: new TypeError('x-amz-server-side-encryption-customer-key') });
    expect(lines.at(-1)).toBe('warning: something went wrong: TypeError\n');
  });
});
