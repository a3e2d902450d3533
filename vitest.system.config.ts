import { configOf, reportOf, systemTests } from './vitest.config.js';

export default configOf({ include: systemTests, isolate: true, report: reportOf('system') });
