import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Tests sync files thousands of times. In memory that costs nothing. */
const temporary = existsSync('/dev/shm') ? { TMPDIR: '/dev/shm' } : {};
/** A worker that records nothing for this long is in a loop that no limit has ended. */
const maxSilenceMs = 90_000;

function eventFiles(work) {
  return readdirSync(work).filter((name) => name.startsWith('events-'));
}

/** Returns what the workers of the last round have recorded, in the order of each worker. */
export function readEvents(work) {
  return eventFiles(work).flatMap((worker) =>
    readFileSync(join(work, worker), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => ({ worker, ...JSON.parse(line) })),
  );
}

/** Runs Vitest with a plan. Ends it if it makes no progress. */
export async function runTests(work, plan) {
  for (const name of eventFiles(work)) rmSync(join(work, name));
  writeFileSync(join(work, 'plan.json'), JSON.stringify(plan));
  const child = spawn(
    process.execPath,
    ['node_modules/vitest/vitest.mjs', 'run', '--config', 'scripts/mutation/vitest.config.mjs'],
    {
      env: { ...process.env, ...temporary, SFTPGW_MUTATION_WORK: work },
      stdio: 'ignore',
      detached: true,
    },
  );
  let lastProgressMs = Date.now();
  const watch = setInterval(() => {
    for (const name of eventFiles(work)) {
      lastProgressMs = Math.max(lastProgressMs, statSync(join(work, name)).mtimeMs);
    }
    if (Date.now() - lastProgressMs > maxSilenceMs) process.kill(-child.pid, 'SIGKILL');
  }, 1_000);
  await new Promise((resolve) => child.once('close', resolve));
  clearInterval(watch);
}
