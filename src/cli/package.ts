import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where package.json is: some floors up, from src/ or from dist/bin/. */
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

/** True for a checkout: an installed package carries no TypeScript. */
export const isCheckout = existsSync(join(packageDirectory, 'src', 'main.ts'));

export function packageVersion(): string {
  const parsed: unknown = JSON.parse(readFileSync(join(packageDirectory, 'package.json'), 'utf8'));
  if (typeof parsed === 'object' && parsed !== null && 'version' in parsed) return String(parsed.version);
  return 'unknown';
}
