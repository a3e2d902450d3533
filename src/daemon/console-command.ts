import { once } from 'node:events';
import { LiveSettings } from '../assembly/live-settings.js';
import { consoleOptionsOf, spawnConsole } from './console.js';

/**
 * Runs the console of a root in a process of its own, with its log on stderr, until SIGTERM or SIGINT. Returns its
 * exit code; null if the settings turn it off. Throws the faults of the settings.
 */
export async function runConsoleCommand(root: string): Promise<number | null> {
  const options = consoleOptionsOf(await LiveSettings.open(root, false));
  if (options === null) return null;
  const child = spawnConsole(options);
  child.stderr?.pipe(process.stderr);
  const stop = () => child.kill('SIGTERM');
  const signals = ['SIGTERM', 'SIGINT'] as const;
  for (const signal of signals) process.on(signal, stop);
  try {
    const [code] = (await once(child, 'exit')) as [number | null];
    return code ?? 1;
  } finally {
    for (const signal of signals) process.off(signal, stop);
  }
}
