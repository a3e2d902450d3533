import { describe, expect, it } from 'vitest';
import { Fault } from '../../model/fault.js';
import { UnconfirmedEncryption } from '../encryption-headers.js';
import { ServerCopies } from './server-copies.js';

const unconfirmed = new UnconfirmedEncryption({ bucket: 'b', key: 'k' }, 'the answer names no key');

describe('the copies of a server', () => {
  it.each(['sse-c', 'sse-s3', 'sse-kms'] as const)(
    'are not trusted with %s before a part confirms it',
    (kind) => {
      const copies = new ServerCopies();
      expect(copies.isConfirmed(kind)).toBe(false);
      expect(copies.isConfirmed('bucket-default')).toBe(true);
      copies.confirm(kind);
      expect(copies.isConfirmed(kind)).toBe(true);
    },
  );

  it('are refused by an answer without the encryption only until one has confirmed it', () => {
    const copies = new ServerCopies();
    const faults = [unconfirmed, new Fault('invalid', 'of its headers'), new Fault('unsupported', '501')];
    expect(faults.map((fault) => copies.isRefusal(fault, 'sse-c'))).toEqual([true, true, true]);
    copies.confirm('sse-c');
    expect(faults.map((fault) => copies.isRefusal(fault, 'sse-c'))).toEqual([false, false, true]);
    expect(copies.isRefusal(new Fault('corrupt', 'other bytes'), 'sse-kms')).toBe(false);
  });
});
