import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fault, faultKinds } from '../model/fault.js';
import { RequestCall } from './request-call.js';
import { encodeFault, faultText, logFault, shouldExplain, statusCodeOf } from './status.js';
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

describe('the text of a name that does not exist', () => {
  it('begins with the words of other servers, which some programs compare', () => {
    const call = new RequestCall(new AbortController().signal, testEntropy, recordingLogger([]));
    const text = faultText(new Fault('not-found', '"/uploads/a" does not exist'), call);
    expect(text).toBe(`No such file: "/uploads/a" does not exist [not-found, request ${call.id}]`);
  });
});

describe('the text of a fault', () => {
  const call = new RequestCall(new AbortController().signal, testEntropy, recordingLogger([]));
  const read = (hint: string) => faultText(new Fault('unavailable', hint), call);

  const name = fc.stringMatching(/^[a-zA-Z0-9._-]{1,12}$/);
  const serverPath = fc
    .tuple(
      fc.constantFrom('/srv', '/home', '/var/lib', '/opt', '/tmp', '/etc'),
      fc.array(name, { minLength: 1 }),
    )
    .map(([root, names]) => `${root}/${names.join('/')}`);

  it('never has an absolute path of the gateway, wherever it is in the hint', () => {
    const around = fc.constantFrom(
      (path: string) => `${path}: permission denied; check its owner`,
      (path: string) => `${path} is missing, but sse.option=3 needs its key`,
      (path: string) => `${path} line 3: unknown setting "x"`,
      (path: string) => `no key 1234 in ${path}`,
      (path: string) => `cannot use the scratch file in ${path}.`,
      (path: string) => `no space left for the database ${path}; free space`,
      (path: string) => `the user's "name" (${path}) and \`${path}\``,
    );
    fc.assert(
      fc.property(serverPath, around, (path, hint) => {
        const text = read(hint(path));
        expect(text).not.toContain(path.slice(0, path.lastIndexOf('/')));
        expect(text).toContain(path.slice(path.lastIndexOf('/') + 1));
        expect(text).toContain(`[unavailable, request ${call.id}]`);
      }),
    );
  });

  it.each([
    '"/uploads/a b" does not exist',
    '/uploads is a fixed directory and cannot be removed or renamed: write to /uploads or /local',
    '"/etc/passwd" does not exist',
    'a symbolic link must stay inside /local, but "/etc" is outside',
    '"/uploads/a\\" /srv/b" exists already',
    'reading and writing at the same time (read/write) is refused',
    'see https://example.org/a/b',
    'the root / is read-only',
  ])('keeps the names that users know: %s', (hint) => {
    expect(read(hint)).toBe(`${hint} [unavailable, request ${call.id}]`);
  });

  it('has the reason, and the name of the file', () => {
    expect(read('/srv/sftpgw/home/bob/.sftpgateway/sse.key: expected 32 bytes, found 33')).toBe(
      `sse.key: expected 32 bytes, found 33 [unavailable, request ${call.id}]`,
    );
  });

  it('is whole in the log', () => {
    const lines: LogLine[] = [];
    const logged = new RequestCall(new AbortController().signal, testEntropy, recordingLogger(lines));
    logFault(logged, 'open', new Fault('key-missing', '/srv/sse.key is missing'));
    expect(lines[0]?.fields).toMatchObject({ reason: '/srv/sse.key is missing' });
  });
});
