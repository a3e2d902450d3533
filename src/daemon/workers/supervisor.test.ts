import { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../test/support/wait.js';
import { Fault } from '../../model/fault.js';
import { type LogLine, recordingLogger } from '../../sftp/testing/test-logger.js';
import { Supervisor, type SupervisorSettings } from './supervisor.js';
import { type FakeWorker, fakeStarts } from './testing/fake-worker.js';

let lines: LogLine[];
let nowMs: number;
let slept: number[];
let supervisors: Supervisor[];

beforeEach(() => {
  [lines, nowMs, slept, supervisors] = [[], 0, [], []];
});
afterEach(() => {
  for (const supervisor of supervisors) supervisor[Symbol.dispose]();
});

/** A clock whose pauses end at once. */
const clock = {
  nowMs: () => nowMs,
  monotonicMs: () => nowMs,
  sleep: async (ms: number, signal?: AbortSignal) => {
    if (signal?.aborted === true) throw new Fault('cancelled', 'stopped');
    slept.push(ms);
  },
};

function supervisorOf(
  onStart: (worker: FakeWorker) => void,
  settings: Partial<SupervisorSettings> = {},
  usedSlots: readonly number[] = [],
) {
  const { start, started } = fakeStarts(onStart);
  const supervisor = new Supervisor({
    settings: { workers: 2, drainTimeoutMs: 1_000, maxConnections: 100, ...settings },
    common: { root: '/root', embedded: false, s3Endpoint: null },
    ...{ start, usedSlots, clock, log: recordingLogger(lines), output: () => undefined },
  });
  supervisors.push(supervisor);
  return { supervisor, started };
}

/** Drains as a real process does. */
function obey(worker: FakeWorker): void {
  worker.ready();
  const send = worker.send.bind(worker);
  worker.send = (message, socket) => {
    send(message, socket);
    if (message.kind !== 'drain') return;
    queueMicrotask(() => {
      worker.say({ kind: 'resigned' });
      worker.exit(0);
    });
  };
}

const running = (started: readonly FakeWorker[]) => started.filter(({ isRunning }) => isRunning);
const slots = (started: readonly FakeWorker[]) => running(started).map(({ slot }) => slot);

describe('a supervisor', () => {
  it('starts the first process alone, as the lead, and then the others', async () => {
    const { supervisor, started } = supervisorOf(() => undefined, { workers: 3 }, [2, 4, 5]);
    const starting = supervisor.start();
    expect(started.map(({ options }) => options)).toMatchObject([
      { isFirst: true, isLead: true, leftSlots: [4, 5], place: { slot: 1, count: 3 } },
    ]);
    started[0]?.ready();
    await eventually('the others start', () => started.length === 3);
    for (const worker of started.slice(1)) worker.ready();
    await starting;
    expect(started.slice(1).map(({ options }) => options)).toMatchObject([
      { isFirst: false, isLead: false, leftSlots: [], place: { slot: 2, count: 3 } },
      { isFirst: false, isLead: false, leftSlots: [], place: { slot: 3, count: 3 } },
    ]);
    expect([supervisor.readyCount, ...started.map(({ lead }) => lead)]).toEqual([3, 1, 1, 1]);
  });

  it('fails with the fault of the first process if it cannot start', async () => {
    const { supervisor, started } = supervisorOf((worker) => {
      worker.say({ kind: 'failed', fault: { kind: 'invalid', text: 'no bucket' } });
      worker.exit(1);
    });
    await expect(supervisor.start()).rejects.toMatchObject({ kind: 'invalid', hint: 'no bucket' });
    expect([started.length, slept]).toEqual([1, []]);
  });

  it('starts a process again that ended, with pauses that double up to 30 s', async () => {
    let isBroken = false;
    const { supervisor, started } = supervisorOf((worker) => {
      if (isBroken && slept.length < 8) worker.exit(1);
      else worker.ready();
    });
    await supervisor.start();
    isBroken = true;
    started[1]?.exit(null, 'SIGKILL');
    await eventually('it runs again', () => supervisor.readyCount === 2);
    expect(slept).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
    expect(new Set(started.slice(1).map(({ slot }) => slot))).toEqual(new Set([2]));
    nowMs += 60_000;
    running(started).at(-1)?.exit(1);
    await eventually('it runs again', () => supervisor.readyCount === 2);
    expect(slept.at(-1)).toBe(1_000);
  });

  it('makes another process the lead when the lead ends', async () => {
    const { supervisor, started } = supervisorOf((worker) => worker.ready());
    await supervisor.start();
    started[0]?.exit(null, 'SIGKILL');
    expect(started[1]?.lead).toBe(2);
    await eventually('it runs again', () => supervisor.readyCount === 2);
    expect([started[2]?.options.isLead, started[2]?.lead]).toEqual([false, 2]);
    supervisor.tellLead('topic', 'body');
    expect(started[1]?.received.at(-1)).toMatchObject({ kind: 'post', topic: 'topic', body: 'body' });
  });

  it('gives each connection to the process with the fewest', async () => {
    const { supervisor, started } = supervisorOf((worker) => worker.ready(), { workers: 3 });
    await supervisor.start();
    const counts = () => started.map(({ sockets }) => sockets.length);
    for (let index = 0; index < 9; index++) supervisor.pass(new Socket());
    expect(counts()).toEqual([3, 3, 3]);
    for (let index = 0; index < 2; index++) started[1]?.say({ kind: 'closed' });
    for (let index = 0; index < 2; index++) supervisor.pass(new Socket());
    expect(counts()).toEqual([3, 5, 3]);
  });

  it('gives no connection to a process that hangs, and kills it after 30 s', async () => {
    const { supervisor, started } = supervisorOf((worker) => worker.ready());
    await supervisor.start();
    nowMs += 5_000;
    started[0]?.say({ kind: 'alive' });
    for (let index = 0; index < 3; index++) supervisor.pass(new Socket());
    expect(started.map(({ sockets }) => sockets.length)).toEqual([3, 0]);
    nowMs += 26_000;
    started[0]?.say({ kind: 'alive' });
    await eventually('it is killed', () => started[1]?.signals.includes('SIGKILL') === true);
    expect(started[0]?.signals).toEqual([]);
  });

  it('closes a connection if no process is ready', () => {
    const { supervisor } = supervisorOf(() => undefined);
    const socket = new Socket();
    supervisor.pass(socket);
    expect(socket.destroyed).toBe(true);
  });

  it('closes a connection if all processes have too many', async () => {
    const { supervisor, started } = supervisorOf((worker) => worker.ready(), { maxConnections: 2 });
    await supervisor.start();
    const sockets = Array.from({ length: 6 }, () => new Socket());
    for (const socket of sockets) supervisor.pass(socket);
    expect(sockets.map(({ destroyed }) => destroyed)).toEqual([false, false, false, false, true, true]);
    started[1]?.say({ kind: 'closed' });
    supervisor.pass(new Socket());
    expect(started.map((worker) => worker.sockets.length)).toEqual([2, 3]);
  });

  it('passes messages between processes, but not to one that hangs', async () => {
    const { supervisor, started } = supervisorOf((worker) => worker.ready());
    await supervisor.start();
    const post = { kind: 'post', from: 1, to: 2, topic: 't', id: 1, body: 'x' } as const;
    started[0]?.say(post);
    started[0]?.say({ ...post, to: 9 });
    expect(started[1]?.received.at(-1)).toEqual(post);
    nowMs += 5_000;
    started[0]?.say({ ...post, body: 'late' });
    expect(started[1]?.received.at(-1)).toEqual(post);
  });

  it('ends all processes in a drain, and starts none again', async () => {
    const { supervisor, started } = supervisorOf(obey);
    await supervisor.start();
    await supervisor.drain();
    expect([slots(started), started.length, slept]).toEqual([[], 2, []]);
  });

  it('kills a process that does not end in time', async () => {
    const { supervisor, started } = supervisorOf((worker) => worker.ready(), { drainTimeoutMs: -15_000 });
    await supervisor.start();
    await supervisor.drain();
    expect(started.map(({ signals }) => signals)).toEqual([['SIGKILL'], ['SIGKILL']]);
  });
});

describe('a reload', () => {
  it('replaces the processes one by one, each after its successor is ready', async () => {
    const order: string[] = [];
    const { supervisor, started } = supervisorOf((worker) => {
      obey(worker);
      order.push(`start ${worker.slot}`);
      worker.onExit(() => order.push(`end ${worker.slot}`));
    });
    await supervisor.start();
    await supervisor.reload({ workers: 2, drainTimeoutMs: 1_000, maxConnections: 100 });
    expect(order).toEqual(['start 1', 'start 2', 'start 3', 'end 1', 'start 1', 'end 2']);
    expect([slots(started), slept]).toEqual([[3, 1], []]);
    expect(started[0]?.received.find(({ kind }) => kind === 'drain')).toMatchObject({ isReload: true });
  });

  it('moves the lead only after the old one has given it up', async () => {
    const { supervisor, started } = supervisorOf((worker) => worker.ready());
    await supervisor.start();
    const reloading = supervisor.reload({ workers: 2, drainTimeoutMs: 60_000, maxConnections: 100 });
    await eventually('the lead drains', () => started[0]?.has('drain') === true);
    expect(started[1]?.lead).toBe(1);
    started[0]?.say({ kind: 'resigned' });
    expect([started[1]?.lead, started[2]?.lead]).toEqual([3, 3]);
    started[0]?.exit(0);
    await eventually('the second one drains', () => started[1]?.has('drain') === true);
    started[1]?.exit(0);
    await reloading;
  });

  it('takes the new number of processes', async () => {
    const { supervisor, started } = supervisorOf(obey);
    await supervisor.start();
    await supervisor.reload({ workers: 3, drainTimeoutMs: 1_000, maxConnections: 100 });
    await eventually('three run', () => running(started).length === 3);
    expect(running(started).every(({ options }) => options.place.count === 3)).toBe(true);
    await supervisor.reload({ workers: 1, drainTimeoutMs: 1_000, maxConnections: 100 });
    await eventually('one runs', () => running(started).length === 1);
  });

  it('keeps the old processes if a new one does not start', async () => {
    let isBroken = false;
    const { supervisor, started } = supervisorOf((worker) => {
      if (isBroken) worker.exit(1);
      else obey(worker);
    });
    await supervisor.start();
    isBroken = true;
    await supervisor.reload({ workers: 2, drainTimeoutMs: 1_000, maxConnections: 100 });
    expect(slots(started)).toEqual([1, 2]);
    expect(lines.some(({ message }) => message.startsWith('reload ended'))).toBe(true);
  });

  it('is carried out once more for calls during it', async () => {
    const { supervisor, started } = supervisorOf(obey);
    await supervisor.start();
    const settings = { workers: 2, drainTimeoutMs: 1_000, maxConnections: 100 };
    await Promise.all([
      supervisor.reload(settings),
      supervisor.reload(settings),
      supervisor.reload(settings),
    ]);
    expect([started.length, running(started).length]).toEqual([6, 2]);
  });
});
