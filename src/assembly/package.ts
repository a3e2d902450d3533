import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Returns the directory of package.json: an ancestor of src/ or of dist/bin/. */
function findPackageDirectory(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, 'package.json'))) {
    const above = dirname(directory);
    if (above === directory) throw new Error('package.json is missing from the installation');
    directory = above;
  }
  return directory;
}

export const packageDirectory = findPackageDirectory();

/** True for a checkout. An installed package has no TypeScript files. */
export const isCheckout = existsSync(join(packageDirectory, 'src', 'main.ts'));

/** Returns the version in package.json. */
export function packageVersion(): string {
  const parsed: unknown = JSON.parse(readFileSync(join(packageDirectory, 'package.json'), 'utf8'));
  if (typeof parsed === 'object' && parsed !== null && 'version' in parsed) return String(parsed.version);
  return 'unknown';
}
