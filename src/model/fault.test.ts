import { describe, expect, it } from 'vitest';
import { uncancellable } from './call.js';
import { Fault, type FaultKind, faultKinds, isFault } from './fault.js';

class Hiding extends Error {
  hideNames(text: string): string {
    return text.replaceAll('secret-bucket', 'the bucket');
  }
}

describe('a fault', () => {
  it('carries its kind, its hint and its cause', () => {
    const cause = new Error('low');
    const fault = new Fault('denied', 'no entry', { cause });
    expect(fault).toMatchObject({ name: 'Fault', kind: 'denied', hint: 'no entry', cause });
    expect(fault.message).toBe('denied: no entry');
  });

  it('is transient for the three kinds that may pass, and for no other', () => {
    const transient: readonly FaultKind[] = ['throttled', 'unavailable', 'timed-out'];
    for (const kind of faultKinds) expect(new Fault(kind, '').isTransient).toBe(transient.includes(kind));
  });

  it('hides the names of every cause from users, however deep', () => {
    const deep = new Error('wrapper', { cause: new Hiding('deepest') });
    for (const cause of [new Hiding('direct'), deep]) {
      const fault = new Fault('denied', 'no entry to secret-bucket', { cause });
      expect(fault.hint).toBe('no entry to secret-bucket');
      expect(fault.userHint).toBe('no entry to the bucket');
    }
    const others = [
      undefined,
      'text',
      new Error('plain'),
      Object.assign(new Error(), { hideNames: 'no function' }),
    ];
    for (const cause of others)
      expect(new Fault('denied', 'secret-bucket', { cause }).userHint).toBe('secret-bucket');
  });

  it('is made of any thrown value', () => {
    const fault = new Fault('conflict', 'x');
    expect(Fault.from(fault)).toBe(fault);
    const abort = Object.assign(new Error('stop'), { name: 'AbortError' });
    expect(Fault.from(abort)).toMatchObject({ kind: 'cancelled', cause: abort });
    for (const thrown of [new Error('odd'), 'text', null, undefined, { name: 'AbortError' }]) {
      expect(Fault.from(thrown)).toMatchObject({ kind: 'bug', cause: thrown });
    }
    expect(Fault.from(new Error('holds names')).hint).not.toContain('names');
  });

  it('is recognised by its kinds', () => {
    const fault = new Fault('exists', '');
    expect(isFault(fault)).toBe(true);
    expect(isFault(fault, 'conflict', 'exists')).toBe(true);
    expect(isFault(fault, 'conflict')).toBe(false);
    expect(isFault(new Error('exists: '))).toBe(false);
    expect(isFault({ kind: 'exists' }, 'exists')).toBe(false);
  });
});

it('a call that cannot be cancelled keeps its id and its log', () => {
  const log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
  const signal = AbortSignal.abort();
  const kept = uncancellable({ id: 'call', signal, log });
  expect(kept).toMatchObject({ id: 'call', log });
  expect(kept.signal.aborted).toBe(false);
});
