import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { backgroundCall } from '../../assembly/background-call.js';
import { systemEntropy } from '../../assembly/system.js';
import { Fault } from '../../model/fault.js';
import { type LogLine, recordingLogger } from '../../sftp/testing/test-logger.js';
import { SharedMirror } from './shared-mirror.js';
import { LinkedWorkers } from './testing/linked-workers.js';

let workers: LinkedWorkers;
const lines: LogLine[] = [];
const call = backgroundCall(new AbortController().signal, systemEntropy, recordingLogger(lines));

beforeEach(() => {
  workers = new LinkedWorkers(1, 2);
});
afterEach(() => workers[Symbol.dispose]());

/** A mirror that records what it is asked. */
function mirrorOf(slot: number) {
  const [open, removed] = [[] as string[], [] as string[]];
  const local = {
    sessionOpened: (names: readonly string[]) => {
      open.push(...names);
      return () => {
        for (const name of names) open.splice(open.indexOf(name), 1);
      };
    },
    removeFile: async (_call: unknown, name: string, path: string, actor: string) => {
      if (path === 'missing') throw new Fault('not-found', 'nothing is mirrored there');
      removed.push(`${name}/${path} by ${actor}`);
    },
  };
  return { open, removed, shared: new SharedMirror(workers.of(slot).link, local, call) };
}

const delivered = () => new Promise((resume) => setImmediate(resume));

describe('the mirror of several workers', () => {
  it('learns the sessions of all of them in the lead', async () => {
    const [lead, other] = [mirrorOf(1), mirrorOf(2)];
    const closeOther = other.shared.sessionOpened(['ann', 'shared']);
    const closeOwn = lead.shared.sessionOpened(['bob']);
    await delivered();
    expect([lead.open.toSorted(), other.open]).toEqual([['ann', 'bob', 'shared'], []]);
    closeOther();
    closeOwn();
    await delivered();
    expect(lead.open).toEqual([]);
  });

  it('forgets the sessions of a worker that has ended', async () => {
    const [lead, other] = [mirrorOf(1), mirrorOf(2)];
    other.shared.sessionOpened(['ann']);
    await delivered();
    workers.members([1], 1);
    expect(lead.open).toEqual([]);
  });

  it('learns the sessions again when another worker leads', async () => {
    const [first, second] = [mirrorOf(1), mirrorOf(2)];
    first.shared.sessionOpened(['ann']);
    const close = second.shared.sessionOpened(['bob']);
    workers.members([1, 2], 2);
    await delivered();
    expect(second.open.toSorted()).toEqual(['ann', 'bob']);
    close();
    expect(second.open).toEqual(['ann']);
  });

  it('removes a file in the lead, and throws its fault', async () => {
    const [lead, other] = [mirrorOf(1), mirrorOf(2)];
    await other.shared.removeFile(call, 'ann', 'x', 'ann');
    await lead.shared.removeFile(call, 'bob', 'y', 'bob');
    expect([lead.removed, other.removed]).toEqual([['ann/x by ann', 'bob/y by bob'], []]);
    await expect(other.shared.removeFile(call, 'ann', 'missing', 'ann')).rejects.toMatchObject({
      kind: 'not-found',
    });
    workers.members([1, 2], null);
    await expect(other.shared.removeFile(call, 'ann', 'x', 'ann')).rejects.toMatchObject({
      kind: 'unavailable',
    });
  });
});
