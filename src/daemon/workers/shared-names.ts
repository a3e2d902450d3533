import type { ObjectChange, ObjectRef } from '../../model/object-store.js';
import type { ListedNames } from '../../vfs/objects/listed-names.js';
import type { WorkerLink } from './worker-link.js';

type Change = readonly [bucket: string, key: string, change: ObjectChange];

/**
 * Lets all workers forget the names that one of them changes. The changes of a turn of the event loop are one message,
 * which is sent before the client has its answer.
 */
export function shareNames(link: WorkerLink, names: ListedNames): void {
  let waiting: Change[] = [];
  const tell = () => {
    link.tellOthers('names', waiting);
    waiting = [];
  };
  names.share(({ bucket, key }: ObjectRef, change) => {
    if (link.members.length < 2) return;
    if (waiting.length === 0) queueMicrotask(tell);
    waiting.push([bucket, key, change]);
  });
  link.answer('names', async (body) => {
    for (const [bucket, key, change] of body as readonly Change[]) names.learn({ bucket, key }, change);
  });
}
