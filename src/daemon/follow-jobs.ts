import type { Call, Clock } from '../model/call.js';
import { Fault, isFault } from '../model/fault.js';
import type { JobRunner } from '../operations/jobs/runner.js';

const pollMs = 2_000;

/**
 * Follows what other gateways do with jobs, until the call is cancelled: see `JobRunner.followOthers`. `runner` is
 * null without a control socket.
 */
export async function followJobs(
  call: Call,
  runner: Pick<JobRunner, 'followOthers'> | null,
  clock: Clock,
): Promise<void> {
  if (runner === null) return;
  let hasFailed = false;
  try {
    for (;;) {
      await clock.sleep(pollMs, call.signal);
      try {
        await runner.followOthers();
        hasFailed = false;
      } catch (error) {
        if (!hasFailed) call.log.error('jobs of other gateways not followed', { error: Fault.from(error) });
        hasFailed = true;
      }
    }
  } catch (error) {
    if (!isFault(error, 'cancelled')) throw error;
  }
}
