import { configOf, loneTests, reportOf } from './vitest.config.js';

export default configOf({ include: loneTests, isolate: true, report: reportOf('alone') });
