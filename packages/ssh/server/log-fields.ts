import type { TransportLog } from '../transport/events.js';

/** Returns a log that adds the fields to each line. `fields` is called for each line, so that it can return what is known by then. */
export function withFields(log: TransportLog, fields: () => Readonly<Record<string, unknown>>): TransportLog {
  return {
    debug: (more, message) => log.debug({ ...fields(), ...more }, message),
    info: (more, message) => log.info({ ...fields(), ...more }, message),
    warn: (more, message) => log.warn({ ...fields(), ...more }, message),
  };
}
