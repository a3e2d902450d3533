import { writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

/**
 * Loaded before the gateway. Writes the longest turn of its event loop after the start, in milliseconds, to the file of
 * SFTPGW_BENCH_TURNS when the process exits.
 */
const file = process.env['SFTPGW_BENCH_TURNS'];
/** The modules are loaded in this time, in milliseconds. */
const startMs = 5_000;
/** Interval of the histogram in milliseconds, which it adds to each delay. */
const resolution = 5;

if (file !== undefined) {
  const delays = monitorEventLoopDelay({ resolution });
  setTimeout(() => delays.enable(), startMs).unref();
  process.once('exit', () => writeFileSync(file, String(Math.max(0, delays.max / 1e6 - resolution))));
}
