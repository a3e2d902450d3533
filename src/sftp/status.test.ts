import { describe, expect, it } from 'vitest';
import { Fault, faultKinds } from '../model/fault.js';
import { RequestCall } from './request-call.js';
import { encodeFault, logFault, shouldExplain, statusCodeOf } from './status.js';
import { type LogLine, recordingLogger, testEntropy } from './testing/test-logger.js';
import { statusCode } from './wire/constants.js';

describe('the status of a fault', () => {
  it.each(faultKinds)('of kind %s is an error code that clients expect', (kind) => {
    const { ok, eof, badMessage } = statusCode;
    expect([ok, eof, badMessage]).not.toContain(statusCodeOf(kind));
    expect(Object.values(statusCode)).toContain(statusCodeOf(kind));
  });

  it('distinguishes missing, denied and unsupported requests from other faults', () => {
    expect(statusCodeOf('not-found')).toBe(statusCode.noSuchFile);
    expect(statusCodeOf('denied')).toBe(statusCode.permissionDenied);
    expect(statusCodeOf('unsupported')).toBe(statusCode.unsupported);
    expect(statusCodeOf('unavailable')).toBe(statusCode.failure);
  });

  it('is explained if the client’s own text is too little, except for a MKDIR of a name that exists', () => {
    expect(shouldExplain('exists', 'rename')).toBe(true);
    expect(shouldExplain('not-empty', 'rmdir')).toBe(true);
    expect(shouldExplain('exists', 'mkdir')).toBe(false);
    expect(shouldExplain('not-found', 'stat')).toBe(false);
  });

  it('shows hint, kind and request id to the client, and the cause only to the log', () => {
    const lines: LogLine[] = [];
    const call = new RequestCall(new AbortController().signal, testEntropy, recordingLogger(lines));
    const cause = new Error('socket hang up');
    const fault = new Fault('unavailable', 'S3 does not answer', { cause });
    const text = Buffer.from(encodeFault(1, fault, call)).toString();
    expect(text).toContain(`S3 does not answer [unavailable, request ${call.id}]`);
    expect(text).not.toContain('hang up');
    logFault(call, 'close', fault);
    expect(lines).toEqual([
      {
        level: 'warn',
        message: 'SFTP request failed',
        fields: {
          request: call.id,
          operation: 'close',
          kind: 'unavailable',
          reason: 'S3 does not answer',
          error: cause,
        },
      },
    ]);
  });
});
