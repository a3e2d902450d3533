import { configOf, reportOf, unitTests } from './vitest.config.js';

// Several files in one process: starting one and loading its modules takes longer than most of these tests.
export default configOf({ include: unitTests, isolate: false, report: reportOf('unit') });
