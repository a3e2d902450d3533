import type { Call, Clock } from '../model/call.js';
import { isFault } from '../model/fault.js';
import type { UploadingVfsFactory } from '../vfs/factory.js';

const intervalMs = 60_000;

/** Aborts parked uploads that were not resumed in time, once a minute until the call is cancelled. */
export async function expireUploads(
  call: Call,
  parkedFiles: UploadingVfsFactory['parkedFiles'],
  clock: Clock,
): Promise<void> {
  try {
    for (;;) {
      await parkedFiles.expire(call);
      await clock.sleep(intervalMs, call.signal);
    }
  } catch (error) {
    if (!isFault(error, 'cancelled')) throw error;
  }
}
