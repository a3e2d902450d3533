import { auditSettings } from './audit-settings.js';
import { consoleSettings } from './console-settings.js';
import { databaseSettings } from './database-settings.js';
import { monitoringSettings } from './monitoring-settings.js';
import { gibibyte, hour, mebibyte, type Setting, second, setting, tebibyte } from './setting.js';
import { sftpListen, sftpSettings } from './sftp-settings.js';
import {
  absoluteFile,
  bucketName,
  choice,
  count,
  duration,
  endpointUrl,
  httpUrl,
  listenAddress,
  optionalListenAddress,
  regionName,
  size,
  yesNo,
  yesNoAuto,
} from './values.js';
import { webhookSettings } from './webhook-settings.js';
import { workersSetting } from './workers-setting.js';

export type { Setting } from './setting.js';

/** The global settings, by their names in the program. `Ms` and `Bytes` are units. */
export const settings = {
  bucket: setting('bucket', bucketName, null, 'The default bucket, for users without a bucket of their own.'),
  region: setting(
    'region',
    regionName,
    null,
    'The region of the buckets. Empty: the AWS default chain decides (AWS_REGION, ~/.aws/config).',
  ),
  endpoint: setting(
    'endpoint',
    endpointUrl,
    null,
    'The URL of an S3 server other than Amazon. Empty: AWS_ENDPOINT_URL, else Amazon. SSE-C needs https, except on loopback.',
  ),
  endpointCaFile: setting(
    'endpoint.ca.file',
    absoluteFile,
    null,
    'A PEM file with certificate authorities to trust for the endpoint, instead of those of the system.',
  ),
  endpointPathStyle: setting(
    'endpoint.path.style',
    yesNoAuto,
    null,
    'Whether the bucket is in the path (yes) or in the host name (no). auto: in the path for every endpoint except Amazon.',
  ),
  stsEndpoint: setting(
    'sts.endpoint',
    endpointUrl,
    null,
    'The URL of STS, for users with upload.role.arn. Empty: AWS_ENDPOINT_URL_STS, else the endpoint, else Amazon in the region of the bucket.',
  ),
  checksums: setting(
    'checksums',
    choice('crc32c', 'crc32', 'none'),
    'crc32c',
    'The checksum of every part. Use crc32 for S3 servers that refuse CRC-32C, and none for those that refuse all newer checksums.',
  ),
  sseCRequireRecovery: setting(
    'sse-c.require.recovery',
    choice('no', 'yes'),
    'no',
    'Whether the gateway refuses uploads and commands with a customer key until a recovery recipient exists. A key that only this machine can open is lost with it.',
  ),
  ledgerTags: setting(
    'ledger.tags',
    choice('yes', 'no'),
    'yes',
    'Whether each object with a customer key gets a tag with the fingerprint of the key (sftpgw-key). A lost ledger is rebuilt from these tags. Needs s3:PutObjectTagging and s3:GetObjectTagging.',
  ),
  s3ConnectTimeoutMs: setting(
    's3.connect.timeout',
    duration(100, hour),
    10 * second,
    'Timeout for connecting to S3.',
  ),
  s3IdleTimeoutMs: setting(
    's3.idle.timeout',
    duration(100, hour),
    60 * second,
    'Idle timeout: a request is retried if S3 sends nothing for this long.',
  ),
  s3RetryTimeMs: setting(
    's3.retry.time',
    duration(second, hour),
    90 * second,
    'How long a request that S3 does not answer, or answers with a transient fault, is retried.',
  ),
  sftpListen,
  s3Listen: setting(
    's3.listen',
    listenAddress,
    { host: '127.0.0.1', port: 9000 },
    'The address of the embedded S3 server, if it runs.',
  ),
  ...sftpSettings,
  uploadMemoryBytes: setting(
    'upload.memory',
    size(32 * mebibyte, tebibyte),
    160 * mebibyte,
    'Memory for all uploads together. Clients wait while it is used up.',
  ),
  uploadPartsParallel: setting(
    'upload.parts.parallel',
    count(1, 64),
    4,
    'Maximum parts of one upload that are sent to S3 in parallel.',
  ),
  uploadReorderWindowBytes: setting(
    'upload.reorder.window',
    size(0, gibibyte),
    16 * mebibyte,
    'How far beyond the first missing byte a client may write before the bytes go to an encrypted scratch file.',
  ),
  uploadScratchLimitBytes: setting(
    'upload.scratch.limit',
    size(0, 64 * tebibyte),
    16 * gibibyte,
    'Disk space for all scratch files together. They hold bytes far beyond the first missing one, and parts of up to 5 GiB that do not fit into upload.memory. Clients wait while it is used up. A limit below 5 GiB reduces the maximum file size.',
  ),
  uploadMaxFileBytes: setting(
    'upload.longest.file',
    size(gibibyte, 48 * tebibyte),
    5 * tebibyte,
    'Maximum size of an uploaded file. S3 accepts 10,000 parts of up to 5 GiB. A higher maximum needs larger parts at a smaller file size. Parts that do not fit into upload.memory pass through an encrypted scratch file, which takes more CPU. With the default upload.memory this begins at 315 GiB for 5TiB, and at 6 GiB for 48TiB.',
  ),
  uploadResumeWindowMs: setting(
    'upload.resume.window',
    duration(0, 30 * 24 * hour),
    24 * hour,
    'How long S3 keeps an interrupted upload for its client to resume. With 0s nothing is kept.',
  ),
  uploadResumeListed: setting(
    'upload.resume.listed',
    yesNo,
    false,
    'Whether listings contain interrupted uploads. With no, clients find them by their name only, so that a program that lists a directory does not take one for a complete file. FileZilla resumes only listed files.',
  ),
  localLimitBytes: setting(
    'local.limit',
    size(0, 1024 * tebibyte),
    0,
    'Maximum size of all files that a user has in /local, unless the settings of the user have another one. 0B: no limit.',
  ),
  localFilesLimit: setting(
    'local.files.limit',
    count(0, 1_000_000_000),
    0,
    'Maximum files, directories and links that a user has in /local, unless the settings of the user have another one. 0: no limit.',
  ),
  renameLimit: setting(
    'rename.limit',
    count(0, 1_000_000),
    1_000,
    'Maximum files in a directory of /uploads that a client can rename. The gateway copies each file and then removes it, up to 50 small files per second, and the client hears nothing meanwhile. With 0 only empty directories can be renamed.',
  ),
  listingCacheMs: setting(
    'listing.cache.time',
    duration(0, 60 * second),
    2 * second,
    'How long a listed directory answers whether a name exists, so that clients that send many small files need fewer requests to S3. The gateway applies its own changes at once, and sees those of other programs after this time. 0s, and `cluster=yes`, turn this off.',
  ),
  readMemoryBytes: setting(
    'read.memory',
    size(8 * mebibyte, tebibyte),
    192 * mebibyte,
    'Memory for reading ahead, for all readers together. While it is used up, they read ahead less.',
  ),
  readAheadRanges: setting(
    'read.ahead.ranges',
    count(1, 64),
    4,
    'Maximum ranges of one file that are fetched from S3 in parallel while a client reads it.',
  ),
  mirrorIntervalMs: setting(
    'mirror.interval',
    duration(100, 24 * hour),
    10 * second,
    'How often the gateway checks S3 for changes below the download prefixes and shared/. It checks sooner after a change.',
  ),
  mirrorIdleIntervalMs: setting(
    'mirror.idle.interval',
    duration(100, 24 * hour),
    300 * second,
    'How long a change may go unnoticed below a prefix that has not changed for 10 minutes and whose user is not logged in. Not more than mirror.interval turns this off.',
  ),
  s3IdleRequests: setting(
    's3.idle.requests',
    count(1, 1_000_000),
    300,
    'Maximum requests per minute with which an idle gateway checks S3 for changes. 300 cost about 65 USD a month.',
  ),
  mirrorReserveBytes: setting(
    'mirror.reserve',
    size(0, 64 * tebibyte),
    gibibyte,
    'Free disk space that the mirror does not use. An object that does not fit is reported, and fetched when there is enough space.',
  ),
  mirrorFetchesParallel: setting(
    'mirror.fetches.parallel',
    count(1, 1024),
    32,
    'Maximum objects that the mirror fetches in parallel. Objects larger than 8 MiB use up to eight requests in total.',
  ),
  mirrorRangesParallel: setting(
    'mirror.ranges.parallel',
    count(1, 64),
    4,
    'Maximum ranges of one large object that the mirror fetches in parallel. It fetches fewer while other objects wait.',
  ),
  keyringBucketCopy: setting(
    'keyring.bucket.copy',
    yesNo,
    true,
    'Whether the gateway keeps a sealed copy of keys, users and settings in the default bucket, below .sftpgw/. Nothing is copied before `sftpgw recovery init`.',
  ),
  eventsListen: setting(
    'events.listen',
    optionalListenAddress,
    null,
    'The address where S3 servers post event messages (POST /events/s3), so that changes are seen at once. It is plain HTTP: put a TLS proxy in front of it.',
  ),
  eventsSecretFile: setting(
    'events.secret.file',
    absoluteFile,
    null,
    'A file with the secrets of senders of events, one per line. Empty: var/lib/sftpgw/events.secret, generated at the first start.',
  ),
  eventsSqsQueue: setting(
    'events.sqs.queue',
    httpUrl,
    null,
    'The URL of an SQS queue with event messages of the buckets. Empty: off.',
  ),
  ...auditSettings,
  ...monitoringSettings,
  ...consoleSettings,
  ...webhookSettings,
  ...databaseSettings,
  ...workersSetting,
  drainDelayMs: setting(
    'drain.delay',
    duration(0, hour),
    0,
    'How long `/readyz` fails before a gateway that is stopped accepts no more connections. A load balancer sends new clients to other nodes meanwhile.',
  ),
  drainTimeoutMs: setting(
    'drain.timeout',
    duration(0, 24 * hour),
    30 * second,
    'How long running uploads may take to finish when the gateway is stopped.',
  ),
  logLevel: setting(
    'log.level',
    choice('debug', 'info', 'warn', 'error'),
    'info',
    'The lowest level that is logged. No level writes keys, passwords or content.',
  ),
} as const;

type Settings = typeof settings;
/** The name of a setting in the program. */
export type SettingKey = keyof Settings;

/** The values of all global settings. */
export type GatewaySettings = {
  readonly [K in SettingKey]: Settings[K] extends Setting<infer T> ? T : never;
};

/** A row of the documentation. */
export interface SettingDescription {
  readonly key: SettingKey;
  readonly name: string;
  /** The variable that overrides the file. */
  readonly environmentVariable: string;
  /** The form of a value, with its unit and bounds. */
  readonly form: string;
  /** The default as text; empty for none. */
  readonly default: string;
  readonly description: string;
}

/**
 * Returns the variable of a setting, such as `SFTPGW_SFTP_LISTEN` for `sftp.listen`. For `bucket` it is not
 * `SFTPGW_BUCKET`, which `sftpgw env` prints for other tools: one root's value must not change another root.
 */
export function environmentVariable(name: string): string {
  if (name === 'bucket') return 'SFTPGW_DEFAULT_BUCKET';
  return `SFTPGW_${name.toUpperCase().replaceAll(/[.-]/g, '_')}`;
}

/** Returns all settings with their defaults below this root, in the order of the documentation. */
export function describeSettings(root: string): readonly SettingDescription[] {
  return settingKeys.map((key) => {
    const entry: Setting<never> = settings[key] as unknown as Setting<never>;
    return {
      key,
      name: entry.name,
      environmentVariable: environmentVariable(entry.name),
      form: entry.kind.form,
      default: entry.kind.format(entry.defaultFor(root)),
      description: entry.description,
    };
  });
}

/** The names of all settings in the program, in the order of the documentation. */
export const settingKeys = Object.keys(settings) as readonly SettingKey[];

/** The documentation of the settings for the root `/`. */
export const settingsTable: readonly SettingDescription[] = describeSettings('/');
