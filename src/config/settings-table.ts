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

export type { Setting } from './setting.js';

/** Every global setting, by the name it has in the program; `Ms` and `Bytes` are units. */
export const settings = {
  bucket: setting(
    'bucket',
    bucketName,
    null,
    'The default bucket: users without a bucket of their own upload to it.',
  ),
  region: setting(
    'region',
    regionName,
    null,
    'The region of the buckets. Empty: what the AWS default chain says (AWS_REGION, ~/.aws/config).',
  ),
  endpoint: setting(
    'endpoint',
    endpointUrl,
    null,
    'An S3 server that is not Amazon. Empty: AWS_ENDPOINT_URL, else Amazon. SSE-C needs https, except on loopback.',
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
    'Whether the bucket goes into the path (yes) or into the host name (no). auto: into the path for every endpoint but Amazon.',
  ),
  checksums: setting(
    'checksums',
    choice('crc32c', 'crc32', 'none'),
    'crc32c',
    'The checksum that goes with every part. crc32 and none are for S3 servers that refuse CRC-32C, or all newer checksums.',
  ),
  sseCRequireRecovery: setting(
    'sse-c.require.recovery',
    choice('no', 'yes'),
    'no',
    'Whether uploads and commands under a customer key are refused while no recovery recipient exists: a key that only this machine holds is lost with it.',
  ),
  ledgerTags: setting(
    'ledger.tags',
    choice('yes', 'no'),
    'yes',
    'Whether each object under a customer key is tagged with the fingerprint of its key (sftpgw-key), by which a lost ledger is rebuilt. Needs s3:PutObjectTagging and s3:GetObjectTagging.',
  ),
  s3ConnectTimeoutMs: setting(
    's3.connect.timeout',
    duration(100, hour),
    10 * second,
    'How long a connection to S3 may take to stand.',
  ),
  s3IdleTimeoutMs: setting(
    's3.idle.timeout',
    duration(100, hour),
    60 * second,
    'The silence of S3 after which a request is given up and tried again.',
  ),
  sftpListen,
  s3Listen: setting(
    's3.listen',
    listenAddress,
    { host: '127.0.0.1', port: 9000 },
    'Where the embedded S3 server listens, when it runs.',
  ),
  ...sftpSettings,
  uploadMemoryBytes: setting(
    'upload.memory',
    size(32 * mebibyte, tebibyte),
    160 * mebibyte,
    'Memory for all uploads together. When it is used up, clients wait.',
  ),
  uploadPartsParallel: setting(
    'upload.parts.parallel',
    count(1, 64),
    4,
    'Parts of one upload that are on the way to S3 side by side.',
  ),
  uploadReorderWindowBytes: setting(
    'upload.reorder.window',
    size(0, gibibyte),
    16 * mebibyte,
    'How far ahead of the first missing byte a client may write before the bytes go to an encrypted scratch file.',
  ),
  uploadScratchLimitBytes: setting(
    'upload.scratch.limit',
    size(0, 64 * tebibyte),
    16 * gibibyte,
    'Disk space for all scratch files together: bytes far ahead of their turn, and the 5 GiB parts of files beyond what memory serves. When it is used up, clients wait; less than 5 GiB makes the longest file shorter.',
  ),
  uploadMaxFileBytes: setting(
    'upload.longest.file',
    size(gibibyte, 48 * tebibyte),
    5 * tebibyte,
    'Maximum size of an uploaded file. S3 accepts 10,000 parts of at most 5 GiB: the larger the maximum, the earlier a file has parts ' +
      'that do not fit into upload.memory. Those pass through an encrypted scratch file, which takes more CPU. With the default upload.memory ' +
      'this begins at 315 GiB for 5TiB, and at 6 GiB for 48TiB.',
  ),
  uploadResumeWindowMs: setting(
    'upload.resume.window',
    duration(0, 30 * 24 * hour),
    24 * hour,
    'How long an upload that was broken off waits at S3 for its client to go on with it. With 0s nothing is kept.',
  ),
  renameLimit: setting(
    'rename.limit',
    count(0, 1_000_000),
    10_000,
    'The most files that a directory in /uploads may have for a client to rename it: each is copied in S3, then removed. With 0 only empty directories can be renamed.',
  ),
  readMemoryBytes: setting(
    'read.memory',
    size(8 * mebibyte, tebibyte),
    192 * mebibyte,
    'Memory for reading ahead, for all readers together. When it is used up, they read ahead less.',
  ),
  readAheadRanges: setting(
    'read.ahead.ranges',
    count(1, 64),
    4,
    'Ranges of one file that are fetched from S3 side by side while a client reads it.',
  ),
  mirrorIntervalMs: setting(
    'mirror.interval',
    duration(100, 24 * hour),
    10 * second,
    'How often S3 is asked what has changed below the download prefixes and shared/; sooner right after a change.',
  ),
  mirrorReserveBytes: setting(
    'mirror.reserve',
    size(0, 64 * tebibyte),
    gibibyte,
    'Free disk space that the mirror leaves alone. What does not fit is reported, and fetched when there is room.',
  ),
  mirrorFetchesParallel: setting(
    'mirror.fetches.parallel',
    count(1, 1024),
    32,
    'Objects that the mirror fetches side by side; of what is larger than 8 MiB it has no more than eight requests at once.',
  ),
  mirrorRangesParallel: setting(
    'mirror.ranges.parallel',
    count(1, 64),
    4,
    'Ranges of one large object that the mirror fetches side by side at most: fewer while other objects wait.',
  ),
  keyringBucketCopy: setting(
    'keyring.bucket.copy',
    yesNo,
    true,
    'Whether keys, users and settings are copied into the default bucket, sealed, below .sftpgw/. Nothing is copied before `sftpgw recovery init`.',
  ),
  eventsListen: setting(
    'events.listen',
    optionalListenAddress,
    null,
    'Where S3 servers may post event messages (POST /events/s3), so that a change shows at once. Plain HTTP: put TLS in front of it.',
  ),
  eventsSecretFile: setting(
    'events.secret.file',
    absoluteFile,
    null,
    'A file with one secret a line, that senders of events present. Empty: var/lib/sftpgw/events.secret, made at the first start.',
  ),
  eventsSqsQueue: setting(
    'events.sqs.queue',
    httpUrl,
    null,
    'The URL of an SQS queue with event messages of the buckets. Empty is off.',
  ),
  drainTimeoutMs: setting(
    'drain.timeout',
    duration(0, 24 * hour),
    30 * second,
    'How long uploads under way may take to finish when the gateway is stopped.',
  ),
  logLevel: setting(
    'log.level',
    choice('debug', 'info', 'warn', 'error'),
    'info',
    'How much the log says. No level writes keys, passwords or content.',
  ),
} as const;

type Settings = typeof settings;
export type SettingKey = keyof Settings;

/** Every global setting, resolved. */
export type GatewaySettings = {
  readonly [K in SettingKey]: Settings[K] extends Setting<infer T> ? T : never;
};

/** One row of the documentation. */
export interface SettingDescription {
  readonly key: SettingKey;
  readonly name: string;
  /** Overrides the file. */
  readonly environmentVariable: string;
  /** What a value looks like, with its unit and bounds. */
  readonly form: string;
  /** The default as text, empty when there is none. */
  readonly default: string;
  readonly description: string;
}

/**
 * `sftp.listen` is `SFTPGW_SFTP_LISTEN`. `SFTPGW_BUCKET` is what `sftpgw env` prints for other tools, of one root; it must not
 * change what another root is told to use.
 */
export function environmentVariable(name: string): string {
  if (name === 'bucket') return 'SFTPGW_DEFAULT_BUCKET';
  return `SFTPGW_${name.toUpperCase().replaceAll(/[.-]/g, '_')}`;
}

/** The settings with their defaults below this root, in the order of the documentation. */
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

export const settingKeys = Object.keys(settings) as readonly SettingKey[];

/** The documentation of the settings of a service (the root `/`). */
export const settingsTable: readonly SettingDescription[] = describeSettings('/');
