import type { NodeRequests } from '../../database/cluster/node-requests.js';
import type { NodeUploadRows } from '../../database/cluster/node-uploads.js';
import type { Call, Clock } from '../../model/call.js';
import { isFault } from '../../model/fault.js';
import type { NodeProcess } from '../../model/nodes.js';
import type { ObjectRef } from '../../model/object-store.js';
import type { NodeUploads, UploadName } from '../../model/parked-uploads.js';
import type { UploadingVfsFactory } from '../../vfs/factory.js';
import type { NodeSync } from './node-sync.js';

/** How long a node has to park an upload, in milliseconds, before it is asked again. */
const answerMs = 5_000;
/** Max time that a client waits for a node that does not answer, in milliseconds. It is dead after ten seconds. */
const maxWaitMs = 15_000;

/** The content of a request to release an upload. */
interface ReleaseRequest {
  readonly shown: ObjectRef;
  readonly actor: string;
}

/** Creates the uploads of all nodes, as the trees of one node use them. */
export function nodeUploads(
  rows: Pick<NodeUploadRows, 'find' | 'holders' | 'parkedBelow' | 'stillParked'>,
  requests: Pick<NodeRequests, 'ask'>,
  clock: Clock,
): NodeUploads {
  const ask = async (call: Call, holder: NodeProcess, content: ReleaseRequest, untilMs: number) => {
    const leftMs = Math.max(1, untilMs - clock.monotonicMs());
    await requests.ask(holder, 'release', content, Math.min(answerMs, leftMs), call.signal);
  };
  return {
    find: (name) => rows.find(name),
    parkedBelow: (bucket, prefix) => rows.parkedBelow(bucket, prefix),
    stillParked: (ids) => rows.stillParked(ids),
    async release(call: Call, name: UploadName): Promise<void> {
      const { shown, actor } = name;
      const untilMs = clock.monotonicMs() + maxWaitMs;
      while (clock.monotonicMs() < untilMs) {
        const holders = await rows.holders(name);
        try {
          await Promise.all(holders.map((holder) => ask(call, holder, { shown, actor }, untilMs)));
          return;
        } catch (error) {
          // The node is busy or dead. Once it is declared dead, another node aborts its upload.
          if (!isFault(error, 'timed-out')) throw error;
        }
      }
    },
  };
}

/** Lets other nodes ask for the uploads of this one. */
export function serveReleases(
  sync: Pick<NodeSync, 'handle'>,
  { parkedFiles }: Pick<UploadingVfsFactory, 'parkedFiles'>,
): void {
  sync.handle('release', async (call, content) => {
    const { shown, actor } = content as ReleaseRequest;
    return await parkedFiles.release(call, shown, actor);
  });
}
