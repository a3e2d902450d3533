import type { Core } from '../assembly/core.js';
import { forEachBounded } from '../concurrency/bounded.js';
import type { Clock } from '../model/call.js';
import { Fault, isFault } from '../model/fault.js';
import type { SessionAdministration } from '../model/live.js';
import { usernameOrNull } from '../model/users.js';

/** Interval in milliseconds between checks of the accounts that have sessions. One check is one `stat` per account. */
const checkMs = 1_000;
const parallelChecks = 16;

/** The parts of a gateway that end sessions. */
export type BarringGateway = Pick<Core, 'accounts' | 'call' | 'scribe'>;

/**
 * Ends the sessions of accounts that an administrator disables or removes, or that expire, until the call is
 * cancelled. It reads the users' files, so it does not matter which program changed them.
 */
export async function endBarredSessions(
  gateway: BarringGateway,
  live: SessionAdministration,
  clock: Clock,
): Promise<void> {
  const { call } = gateway;
  try {
    for (;;) {
      await clock.sleep(checkMs, call.signal);
      await endOnce(gateway, live);
    }
  } catch (error) {
    if (!isFault(error, 'cancelled')) call.log.error('sessions not checked', { error: Fault.from(error) });
  }
}

/** Checks the accounts of all sessions once. */
export async function endOnce(
  { accounts, call, scribe }: BarringGateway,
  live: SessionAdministration,
): Promise<void> {
  const sessions = Map.groupBy(await live.list(), ({ username }) => username);
  await forEachBounded(call.signal, [...sessions], parallelChecks, async ([text, own]) => {
    const username = usernameOrNull(text);
    const reason = username === null ? null : await accounts.barOf(call, username);
    if (reason === null) return;
    for (const { id, address } of own) {
      if ((await live.disconnect(id)) === null) continue;
      call.log.info('session of a barred account ended', { session: id, user: text, reason });
      scribe.note({ action: 'session.disconnect', session: id, target: text, address, details: { reason } });
    }
  });
}
