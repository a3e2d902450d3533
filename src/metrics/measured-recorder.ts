import type { AuditRecorder } from '../model/audit.js';
import type { Measures } from '../model/measures.js';

/** Wraps a recorder so that each event is counted, also if the trail cannot be written. */
export function measuredRecorder(recorder: AuditRecorder, measures: Measures): AuditRecorder {
  return {
    requireWritable: () => recorder.requireWritable(),
    record(event) {
      measures.audited(event);
      recorder.record(event);
    },
  };
}
