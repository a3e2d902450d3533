import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { run } from './command.js';

/** Returns the program's path, or null if it is not installed. */
export function findProgram(name: string): string | null {
  for (const directory of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(directory, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Try the next directory.
    }
  }
  return null;
}

/**
 * Returns the reason to skip a test that needs these programs, or null if it can run. Throws for a missing
 * program if CI is set.
 */
export function missing(...programs: readonly string[]): string | null {
  const absent = programs.filter((name) => findProgram(name) === null);
  if (absent.length === 0) return null;
  const reason = `not installed: ${absent.join(', ')}`;
  if (process.env['CI']) throw new Error(reason);
  return reason;
}

/**
 * Returns a Python with paramiko, or null. Throws if CI is set and none has it. Debian's own Python has
 * python3-paramiko, even if another Python comes first in the path.
 */
export async function findParamikoPython(): Promise<string | null> {
  for (const python of ['/usr/bin/python3', findProgram('python3') ?? 'python3']) {
    const found = await run(python, ['-c', 'import paramiko']).catch(() => null);
    if (found?.code === 0) return python;
  }
  if (process.env['CI']) throw new Error('not installed: paramiko');
  return null;
}
