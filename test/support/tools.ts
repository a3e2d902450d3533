import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

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
