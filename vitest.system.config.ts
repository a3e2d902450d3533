import { configOf, reportOf, systemTests } from './vitest.config.js';

// Many files share one process, like the unit tests: loading the modules took 2 to 3 s of each file's time.
export default configOf({
  include: systemTests,
  isolate: false,
  report: reportOf('system'),
  timeoutMs: 300_000,
});
