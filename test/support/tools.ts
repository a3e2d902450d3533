import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { run } from './command.js';

/** The program's path, or null when it is not installed. */
export function findProgram(name: string): string | null {
  for (const directory of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(directory, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // the next directory
    }
  }
  return null;
}

/** Why a test that needs these programs has to be skipped; null when it can run. With CI set a missing program is an error. */
export function missing(...programs: readonly string[]): string | null {
  const absent = programs.filter((name) => findProgram(name) === null);
  if (absent.length === 0) return null;
  const reason = `not installed: ${absent.join(', ')}`;
  if (process.env['CI']) throw new Error(reason);
  return reason;
}

/**
 * A Python that has paramiko, or null; with CI set its lack is an error. Debian's own Python holds python3-paramiko, whatever
 * other Python comes first in the path.
 */
export async function findParamikoPython(): Promise<string | null> {
  for (const python of ['/usr/bin/python3', findProgram('python3') ?? 'python3']) {
    const found = await run(python, ['-c', 'import paramiko']).catch(() => null);
    if (found?.code === 0) return python;
  }
  if (process.env['CI']) throw new Error('not installed: paramiko');
  return null;
}
