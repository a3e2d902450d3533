import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const native = (name: string) => fileURLToPath(new URL(`../native/${name}`, import.meta.url));

function modifiedMs(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** Builds the add-on before the tests, unless it is newer than its source. */
export default function setup(): void {
  if (modifiedMs(native('packet-protection.node')) > modifiedMs(native('packet-protection.cc'))) return;
  execFileSync(process.execPath, [native('build.mjs')], { stdio: 'inherit' });
}
