import { parseSyslogTarget } from '../audit/outputs/syslog-target.js';
import { hour, mebibyte, setting, tebibyte } from './setting.js';
import { absoluteFile, duration, size, type ValueKind, yesNo } from './values.js';

const day = 24 * hour;

const syslogTarget: ValueKind<string | null> = {
  form: 'udp://HOST:PORT, tcp://HOST:PORT or unix:/PATH',
  parse: (text) => {
    if (text === '') return { value: null };
    const problem = 'must be udp://HOST:PORT, tcp://HOST:PORT or unix:/PATH';
    return parseSyslogTarget(text) === null ? { problem } : { value: text };
  },
  format: (value) => value ?? '',
};

/** The settings of the audit trail. */
export const auditSettings = {
  auditKeepMs: setting(
    'audit.keep',
    duration(day, 3650 * day),
    400 * day,
    'How long the audit trail keeps an event. Older events are removed, the oldest first.',
  ),
  auditRequired: setting(
    'audit.required',
    yesNo,
    true,
    'Whether changes are refused while the audit trail cannot be written, as on a full disk. With no they are accepted, and the trail records later how many events are missing.',
  ),
  auditSpoolLimitBytes: setting(
    'audit.spool.limit',
    size(mebibyte, tebibyte),
    256 * mebibyte,
    'Disk space for events that are not in the database yet. At the limit the audit trail cannot be written.',
  ),
  auditFile: setting(
    'audit.file',
    absoluteFile,
    null,
    'A file that gets every event of the audit trail too, as JSON lines. logrotate may rename it: the gateway then creates a new one. Empty: none.',
  ),
  auditSyslog: setting(
    'audit.syslog',
    syslogTarget,
    null,
    'A syslog server (RFC 5424) that gets every event of the audit trail too. unix: names a stream socket. Empty: none.',
  ),
};
