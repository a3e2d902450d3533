import { Fault } from '../model/fault.js';

const mebibyte = 1024 * 1024;
const gibibyte = 1024 * mebibyte;

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
export const s3PartLimits = {
  parts: 10_000,
  /** The last part may be smaller. */
  smallestBytes: 5 * mebibyte,
  largestBytes: 5 * gibibyte,
} as const;

/** What a file may have without being a multipart upload, and the size of the first parts. */
export const firstPartBytes = 8 * mebibyte;

/** The sizes of an upload's parts when nobody said how long the file will be. */
export interface PartSchedule {
  /** The size in bytes of a part; 1 <= partNumber <= 10,000. Never less than that of the part before. */
  sizeOf(partNumber: number): number;
  /** The longest file that parts of these sizes hold. */
  readonly reachBytes: number;
}

/** No step is longer: after this many parts of one size the file is long enough for larger ones. */
const longestStep = 1000;

/** Steps give up at most this share of what 10,000 parts of the largest size would hold. */
const rampShare = 0.25;

/** 48 TiB of the 48.83 TiB that 10,000 parts of 5 GiB hold: what is left for the steps is 1.7 %. */
const tightReachBytes = 48 * 1024 * gibibyte;

/**
 * A schedule that starts at 8 MiB, so that the first part leaves early and small files stay small in memory, and
 * doubles in steps up to `largestPartBytes` (a multiple of 8 MiB, at most 5 GiB).
 *
 * A part is held in memory until S3 has it, for it may have to be sent again. So the reach is bought with memory:
 * 10,000 parts are the limit, and 48 TiB in 10,000 parts means that all but some 170 parts have 5 GiB each, whatever
 * the steps look like. Parts of up to 64 MiB (256 MiB of upload memory) reach 492 GiB, of 256 MiB (1 GiB) 1.8 TiB,
 * of 1 GiB (4 GiB) 7.3 TiB, and of 5 GiB (20 GiB) 48 TiB.
 */
export function createPartSchedule(largestPartBytes: number): PartSchedule {
  if (
    !Number.isSafeInteger(largestPartBytes) ||
    largestPartBytes < firstPartBytes ||
    largestPartBytes > s3PartLimits.largestBytes ||
    largestPartBytes % firstPartBytes !== 0
  ) {
    throw new Fault(
      'invalid',
      `the largest part must be a multiple of 8 MiB of at most 5 GiB, not ${largestPartBytes} bytes`,
    );
  }
  const steps: number[] = [];
  for (let size = firstPartBytes; size < largestPartBytes; size *= 2) steps.push(size);
  const wholeReach = s3PartLimits.parts * largestPartBytes;
  const wanted =
    largestPartBytes === s3PartLimits.largestBytes ? tightReachBytes : wholeReach * (1 - rampShare);
  const lossPerPart = steps.reduce((loss, size) => loss + largestPartBytes - size, 0);
  const stepLength =
    steps.length === 0 ? 0 : Math.min(longestStep, Math.floor((wholeReach - wanted) / lossPerPart));
  return {
    sizeOf(partNumber) {
      if (stepLength === 0) return largestPartBytes;
      return steps[Math.floor((partNumber - 1) / stepLength)] ?? largestPartBytes;
    },
    reachBytes: wholeReach - stepLength * lossPerPart,
  };
}

/**
 * The largest part that an upload may plan with this much memory for all uploads: a quarter of it, so that one
 * upload keeps three parts on the way while the fourth fills.
 */
export function largestPartFor(uploadMemoryBytes: number): number {
  const quarter = Math.floor(uploadMemoryBytes / 4 / firstPartBytes) * firstPartBytes;
  return Math.min(s3PartLimits.largestBytes, Math.max(firstPartBytes, quarter));
}
