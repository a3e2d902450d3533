// Runs the drill with faults at random for some minutes: npm run drill:chaos -- --minutes 60
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '60' } } });
const minutes = Number(values.minutes);
if (!(minutes > 0)) {
  console.error(`--minutes must be a number above 0, found ${values.minutes}`);
  process.exit(2);
}
const args = ['vitest', 'run', '--config', 'vitest.system.config.ts', 'test/drills/chaos.test.ts'];
const env = { ...process.env, SFTPGW_CHAOS_MINUTES: String(minutes) };
process.exitCode = spawnSync('npx', args, { stdio: 'inherit', env }).status ?? 1;
