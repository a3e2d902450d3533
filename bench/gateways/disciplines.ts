import type { Row } from '../table.js';
import type { Files } from '../workload.js';

/** The measurements of a gateway, in the order in which a round runs them. */
export const disciplineNames = ['small', 'small-eight', 'small-get', 'upload', 'download'] as const;

export type DisciplineName = (typeof disciplineNames)[number];

/** A limit for the median of the gateway divided by that of another contender. */
export interface Bar {
  readonly against: string;
  /** `rate`: the gateway's must be at least `limit` times the other's. `cpu`: at most. */
  readonly of: 'rate' | 'cpu';
  readonly limit: number;
}

/** The bare SDK: one request after the other, or eight at once. */
export const bareSdk = { alone: 'bare SDK, one by one', eight: 'bare SDK, eight at once' } as const;
export const sshdOverS3fs = 'sshd + s3fs';
export const rclone = 'rclone serve sftp';

const bars: Readonly<Record<DisciplineName, readonly Bar[]>> = {
  small: [
    { against: rclone, of: 'rate', limit: 1.3 },
    { against: bareSdk.alone, of: 'rate', limit: 0.8 },
    { against: sshdOverS3fs, of: 'rate', limit: 1 },
  ],
  'small-eight': [{ against: bareSdk.eight, of: 'rate', limit: 0.8 }],
  'small-get': [
    { against: rclone, of: 'rate', limit: 1.2 },
    { against: sshdOverS3fs, of: 'rate', limit: 1.2 },
  ],
  upload: [
    { against: sshdOverS3fs, of: 'rate', limit: 2 },
    { against: sshdOverS3fs, of: 'cpu', limit: 0.35 },
  ],
  download: [
    { against: sshdOverS3fs, of: 'rate', limit: 1.7 },
    { against: sshdOverS3fs, of: 'cpu', limit: 0.5 },
  ],
};

/** Returns the limits of a discipline. */
export function barsOf(name: DisciplineName): readonly Bar[] {
  return bars[name];
}

/** Returns the heading of a discipline's table. */
export function titleOf(name: DisciplineName, files: Files): string {
  const count = files.smallCount;
  const mebibytes = files.largeBytes / 2 ** 20;
  return {
    small: `${count} files of 4 KiB, one session`,
    'small-eight': `${count} files of 4 KiB, eight sessions`,
    'small-get': `Download of ${count} files of 4 KiB, one session`,
    upload: `Upload of ${mebibytes} MiB`,
    download: `Download of ${mebibytes} MiB`,
  }[name];
}

/** Returns the amount that one run of a discipline transfers. */
export function amountOf(name: DisciplineName, files: Files): { label: string; amount: number } {
  if (name.startsWith('small')) return { label: 'files/s', amount: files.smallCount };
  return { label: 'MiB/s', amount: files.largeBytes / 2 ** 20 };
}

/** The runs of one contender in one discipline. */
export interface Runs extends Row {
  readonly seconds: number[];
  readonly cpu: number[] | null;
  failure: string | null;
}
