import type { Core } from '../assembly/core.js';
import type { LiveSettings } from '../assembly/live-settings.js';
import { isLoopbackHost } from '../network/local-hosts.js';
import { peopleAdministration, welcomeLink } from '../operations/people.js';
import type { ConsoleAddress } from './console-address.js';

/** The console's process needs about half a second, and more on a busy machine. The wait ends if it fails. */
const startTimeoutMs = 45_000;

/**
 * Returns the link with which someone on this machine logs in at a demo's console once. Null if the console is off,
 * does not start, or listens for other machines too.
 */
export async function demoLinkOf(
  { current }: LiveSettings,
  { database, scribe }: Pick<Core, 'database' | 'scribe'>,
  address: ConsoleAddress,
): Promise<string | null> {
  const { consoleListen, consoleUrl } = current;
  if (consoleListen === null || !isLoopbackHost(consoleListen.host) || consoleUrl !== null) return null;
  const listening = await address.within(startTimeoutMs);
  if (listening === null) return null;
  const { protocol, port } = new URL(listening);
  const { token } = await peopleAdministration({ database }, scribe).demoLink();
  return welcomeLink(`${protocol}//localhost${port === '' ? '' : `:${port}`}`, token);
}
