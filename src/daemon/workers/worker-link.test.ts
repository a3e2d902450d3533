import { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Fault } from '../../model/fault.js';
import { LinkedWorkers } from './testing/linked-workers.js';

let workers: LinkedWorkers;
const timeoutMs = 5_000;

beforeEach(() => {
  workers = new LinkedWorkers(1, 2, 3);
});
afterEach(() => workers[Symbol.dispose]());

describe('the link of a worker', () => {
  it('asks another worker, and throws its fault', async () => {
    const [a, b] = [workers.of(1).link, workers.of(2).link];
    b.answer('double', async (body, from) => ({ from, sum: Number(body) * 2 }));
    b.answer('refuse', async () => {
      throw new Fault('not-found', 'no such file');
    });
    expect(await a.ask(2, 'double', 21, timeoutMs)).toEqual({ from: 1, sum: 42 });
    await expect(a.ask(2, 'refuse', null, timeoutMs)).rejects.toMatchObject({
      kind: 'not-found',
      hint: 'no such file',
    });
    await expect(a.ask(2, 'other', null, timeoutMs)).rejects.toMatchObject({ kind: 'unavailable' });
  });

  it('leaves out the workers that do not answer in time', async () => {
    const { link } = workers.of(1);
    workers.of(2).link.answer('who', async () => 2);
    workers.of(3).link.answer('who', () => new Promise(() => undefined));
    expect(await link.askOthers('who', null, 20)).toEqual([2]);
  });

  it('no longer waits for a worker that has ended', async () => {
    const { link } = workers.of(1);
    workers.of(2).link.answer('who', () => new Promise(() => undefined));
    const asked = link.ask(2, 'who', null, timeoutMs);
    workers.members([1, 3], 1);
    await expect(asked).rejects.toMatchObject({ kind: 'unavailable' });
  });

  it('has a bound for questions that wait', async () => {
    const { link } = workers.of(1);
    workers.of(2).link.answer('who', () => new Promise(() => undefined));
    const asked = Array.from({ length: 1_000 }, () => link.ask(2, 'who', null, timeoutMs));
    await expect(link.ask(2, 'who', null, timeoutMs)).rejects.toMatchObject({ kind: 'unavailable' });
    workers.members([1, 3], 1);
    expect((await Promise.allSettled(asked)).every(({ status }) => status === 'rejected')).toBe(true);
  });

  it('tells others without an answer, and knows when it leads', async () => {
    const heard: unknown[] = [];
    for (const slot of [2, 3]) workers.of(slot).link.answer('note', async (body) => heard.push([slot, body]));
    workers.of(1).link.tellOthers('note', 'x');
    await new Promise((resume) => setImmediate(resume));
    expect(heard).toEqual([
      [2, 'x'],
      [3, 'x'],
    ]);
    expect([workers.of(1).link.isLead, workers.of(2).link.isLead]).toEqual([true, false]);
    workers.members([2, 3], 3);
    await workers.of(3).link.leading;
  });

  it('passes connections on, also those from before the server started, and reports their end', async () => {
    const { link, receive, sent } = workers.of(1);
    const [early, late] = [new Socket(), new Socket()];
    receive({ kind: 'connection' }, early);
    const accepted: Socket[] = [];
    link.onConnection((socket) => accepted.push(socket));
    receive({ kind: 'connection' }, late);
    expect(accepted).toEqual([early, late]);
    late.destroy();
    await new Promise((resolve) => late.once('close', resolve));
    // A connection that is lost on its way has ended too.
    receive({ kind: 'connection' }, undefined);
    expect(sent.filter(({ kind }) => kind === 'closed')).toHaveLength(2);
  });
});
