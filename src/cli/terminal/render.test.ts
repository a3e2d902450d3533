import { expect, it } from 'vitest';
import { Fault } from '../../model/fault.js';
import { faultOf } from '../system-faults.js';
import { renderFault, renderFields, renderTable } from './render.js';

it('lines up tables and fields, without blanks at the end', () => {
  expect(
    renderTable(
      ['user', 'login'],
      [
        ['bob', '2 public keys'],
        ['alexandra', 'none'],
      ],
    ),
  ).toBe('USER       LOGIN\nbob        2 public keys\nalexandra  none');
  expect(
    renderFields([
      ['user', 'bob'],
      ['downloads', 'on'],
    ]),
  ).toBe('user:       bob\ndownloads:  on');
});

it("says a fault's hint, and of a bug what went wrong", () => {
  expect(renderFault('sftpgw', new Fault('not-found', 'there is no user bob'))).toBe(
    'sftpgw: there is no user bob',
  );
  expect(renderFault('sftpgw', Fault.from(new Error('boom')))).toMatch(/^sftpgw: internal error: boom; /);
});

it.each([
  ['EACCES', 'denied', /no permission for \/f/],
  ['ENOENT', 'not-found', /there is no \/f/],
  ['ENOSPC', 'over-quota', /no space left for \/f/],
  ['EROFS', 'denied', /read-only/],
  ['ENOTDIR', 'not-directory', /\/f/],
])('reads the error %s of a file as %s', (code, kind, words) => {
  const fault = faultOf(Object.assign(new Error('x'), { code, path: '/f' }));
  expect(fault.kind).toBe(kind);
  expect(fault.hint).toMatch(words);
});

it('keeps other errors unchanged', () => {
  const fault = new Fault('conflict', 'x');
  expect(faultOf(fault)).toBe(fault);
  expect(faultOf(new Error('x')).kind).toBe('bug');
  expect(
    faultOf(Object.assign(new Error('listen EADDRINUSE 127.0.0.1:22'), { code: 'EADDRINUSE' })),
  ).toMatchObject({
    kind: 'conflict',
    hint: expect.stringContaining('127.0.0.1:22'),
  });
});
