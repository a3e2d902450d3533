/** A metric: its help text and its labels. */
interface Description {
  readonly help: string;
  readonly labels?: readonly string[];
}

/** A value that is read at each scrape. The sum of all processes counts, or as `combined` sets it. */
interface GaugeDescription extends Description {
  readonly combined?: 'max' | 'min';
}

/** Values that only grow until the process ends. */
export const counters = {
  sftpgw_logins_total: {
    help: 'Requests to log in, by method and by result (ok or refused).',
    labels: ['method', 'result'],
  },
  sftpgw_refusals_total: { help: 'Refused connections and logins, by rule.', labels: ['rule'] },
  sftpgw_transfers_total: {
    help: 'Closed files, by direction and by result (ok, interrupted or the kind of the fault).',
    labels: ['direction', 'result'],
  },
  sftpgw_transferred_bytes_total: {
    help: 'Content of files, by direction (received or sent).',
    labels: ['direction'],
  },
  sftpgw_s3_requests_total: {
    help: 'Attempts of requests to S3, by operation and by result (ok or the kind of the fault).',
    labels: ['operation', 'result'],
  },
  sftpgw_s3_retries_total: { help: 'Requests to S3 that were sent again.', labels: ['operation'] },
  sftpgw_events_total: { help: 'Objects that events of S3 named.' },
  sftpgw_event_failures_total: {
    help: 'Refused event messages (endpoint) and failed requests to the queue (queue).',
    labels: ['source'],
  },
  sftpgw_webhook_attempts_total: {
    help: 'Attempts to send a message to a webhook, by result (ok or failed).',
    labels: ['result'],
  },
  sftpgw_scrape_failures_total: { help: 'Groups of values that a scrape could not read.', labels: ['group'] },
  process_cpu_seconds_total: { help: 'CPU time of the process.' },
} as const satisfies Readonly<Record<string, Description>>;

const latencySeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 90];

/** Distributions of durations, with the upper bounds of their buckets in seconds. */
export const histograms = {
  sftpgw_sftp_request_seconds: {
    help: 'Time from an SFTP request (open, close) to its answer.',
    labels: ['request'],
    buckets: latencySeconds,
  },
  sftpgw_s3_request_seconds: {
    help: 'Time of one attempt of a request to S3. For reads, until the first byte.',
    labels: ['operation'],
    buckets: latencySeconds,
  },
  sftpgw_database_commit_seconds: {
    help: 'Time of one commit of the database, with the wait for the disk.',
    labels: [],
    buckets: latencySeconds,
  },
} as const satisfies Readonly<Record<string, Description & { readonly buckets: readonly number[] }>>;

/** Values that go up and down, read at each scrape. */
export const gauges = {
  sftpgw_check_ok: {
    help: '1 if this check of /readyz passed, 0 if it failed.',
    labels: ['check'],
  },
  sftpgw_sessions: { help: 'Sessions with a login.' },
  sftpgw_open_transfers: { help: 'Files that are open in sessions, by direction.', labels: ['direction'] },
  sftpgw_upload_memory_bytes: { help: 'Memory that uploads hold.' },
  sftpgw_upload_memory_limit_bytes: {
    help: 'Bound of the memory for uploads (upload.memory).',
    combined: 'max',
  },
  sftpgw_waiting_uploads: { help: 'Uploads that wait for memory.' },
  sftpgw_read_memory_bytes: { help: 'Memory that downloads hold.' },
  sftpgw_read_memory_limit_bytes: {
    help: 'Bound of the memory for downloads (read.memory).',
    combined: 'max',
  },
  sftpgw_scratch_bytes: { help: 'Disk space of scratch files.' },
  sftpgw_scratch_limit_bytes: {
    help: 'Bound of the disk space of scratch files (upload.scratch.limit).',
    combined: 'max',
  },
  sftpgw_buffer_bytes: { help: 'Buffers outside the heap, including those of uploads and downloads.' },
  sftpgw_heap_used_bytes: { help: 'JavaScript heap in use.' },
  process_resident_memory_bytes: { help: 'Resident memory of the process.' },
  process_start_time_seconds: { help: 'Start of the process, in seconds since the epoch.', combined: 'min' },
  sftpgw_event_loop_delay_p99_seconds: {
    help: 'Delay of the event loop since the last scrape: 99th percentile.',
    combined: 'max',
  },
  sftpgw_event_loop_delay_max_seconds: {
    help: 'Delay of the event loop since the last scrape: maximum.',
    combined: 'max',
  },
  sftpgw_mirror_prefixes: {
    help: 'Mirrored prefixes, by the result of the last pass (none before the first).',
    labels: ['result'],
  },
  sftpgw_mirror_lag_seconds: {
    help: 'The longest time since a mirrored directory was known to equal S3.',
  },
  sftpgw_mirror_behind: { help: 'Mirrored prefixes whose lag is longer than the settings promise.' },
  sftpgw_mirror_problems: { help: 'Objects that the mirror cannot show.' },
  sftpgw_mirror_waiting_events: { help: 'Keys that events named and that are not checked yet.' },
  sftpgw_last_event_timestamp_seconds: {
    help: 'Time of the last event of S3, in seconds since the epoch; 0 before the first.',
  },
  sftpgw_rotations: {
    help: 'Key rotations that are not finished, by state (running or paused).',
    labels: ['state'],
  },
  sftpgw_rotation_objects: {
    help: 'Objects and versions of the rotations that are not finished, by result.',
    labels: ['result'],
  },
  sftpgw_rotation_bytes: { help: 'Bytes that the rotations that are not finished have re-encrypted.' },
  sftpgw_parked_uploads: { help: 'Interrupted uploads that wait for their client.' },
  sftpgw_parked_uploads_bytes: { help: 'Bytes of parked uploads in S3.' },
  sftpgw_parked_uploads_oldest_seconds: { help: 'Age of the oldest parked upload; 0 without any.' },
  sftpgw_ledger_open_writes: { help: 'Writes that the ledger has begun and not settled.' },
  sftpgw_bucket_copy_wanted: { help: '1 if keys, users and settings are to be copied to the bucket.' },
  sftpgw_bucket_copy_timestamp_seconds: {
    help: 'Time of the last complete copy of keys, users and settings in the bucket; 0 before the first.',
  },
  sftpgw_bucket_copy_failed: { help: '1 if the last attempt of that copy failed.' },
  sftpgw_audit_rows: { help: 'Events of the audit trail in the database.' },
  sftpgw_audit_spool_bytes: { help: 'Events of the audit trail that are not in the database yet.' },
  sftpgw_audit_spool_limit_bytes: { help: 'Bound of this spool (audit.spool.limit).', combined: 'max' },
  sftpgw_webhook_messages: {
    help: 'Messages to webhooks that are not delivered, by state (pending or dead).',
    labels: ['state'],
  },
  sftpgw_webhook_behind: {
    help: 'Events of the audit trail that the slowest webhook has not considered yet.',
  },
  sftpgw_bans: { help: 'Banned addresses.' },
} as const satisfies Readonly<Record<string, GaugeDescription>>;

export type CounterName = keyof typeof counters;
export type HistogramName = keyof typeof histograms;
export type GaugeName = keyof typeof gauges;
