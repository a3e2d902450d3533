import { Fault } from '../../model/fault.js';

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
  /**
   * The size in bytes of a part that begins at `start`; 1 <= partNumber <= 10,000. Never less than that of the part before,
   * as long as parts before it were not larger than planned.
   */
  sizeOf(partNumber: number, start: number): number;
  /** Parts that are larger than this are not gathered in memory. */
  readonly memoryPartBytes: number;
  readonly largestPartBytes: number;
  /** The longest file that parts of these sizes hold. */
  readonly reachBytes: number;
}

export interface PartScheduleOptions {
  /** The largest part that is gathered in memory. A multiple of 8 MiB. */
  readonly memoryPartBytes: number;
  /** The largest part at all: a multiple of 8 MiB, not less than the former, at most 5 GiB. */
  readonly largestPartBytes: number;
  /** What the parts must hold, if 10,000 of the largest hold as much: the less, the longer parts stay in memory. */
  readonly longestFileBytes: number;
}

/** 48 TiB of the 48.83 TiB that 10,000 parts of 5 GiB hold: what is left for smaller parts is 1.7 %. */
export const longestFileBytes = 48 * 1024 * gibibyte;

/** No step is longer: after this many parts of one size the file is long enough for larger ones. */
const longestStep = 1000;

/** When the longest file is out of reach, smaller parts give up at most this share of what the largest would hold. */
const smallShare = 0.25;

/** Where parts of the largest size do not fit into memory, the steps take this share of what smaller parts may give up. */
const stepShare = 0.2;

/**
 * A schedule that starts at 8 MiB, so that the first part leaves early and small files stay small in memory, and
 * doubles in steps up to the largest part that memory holds. It stays there as long as the reach allows, then goes to the
 * largest part of all: sizes between would cost as much disk and give up as much reach.
 *
 * How long that is is a matter of arithmetic: 48 TiB in 10,000 parts means that all but some 170 parts have 5 GiB each, whatever
 * the steps look like. So with parts of up to 64 MiB in memory (256 MiB of upload memory) the first 9 GiB of a file never
 * touch the disk, with 256 MiB (1 GiB) 36 GiB, and with 5 GiB (20 GiB) everything. Whoever needs no such long files asks for less
 * reach, and stays in memory for longer. Parts that were sent smaller than planned are made up for in the same way.
 */
export function createPartSchedule(options: PartScheduleOptions): PartSchedule {
  const { memoryPartBytes, largestPartBytes } = options;
  checkSizes(memoryPartBytes, largestPartBytes);
  const wholeReach = s3PartLimits.parts * largestPartBytes;
  const wanted =
    options.longestFileBytes <= wholeReach ? options.longestFileBytes : wholeReach * (1 - smallShare);
  const steps: number[] = [];
  for (let size = firstPartBytes; size < memoryPartBytes; size *= 2) steps.push(size);
  const lossPerStep = steps.reduce((loss, size) => loss + largestPartBytes - size, 0);
  const forSteps = (wholeReach - wanted) * (largestPartBytes > memoryPartBytes ? stepShare : 1);
  const stepLength = Math.min(longestStep, Math.floor(forSteps / Math.max(1, lossPerStep)));
  // As much as the smallest part may give up: so that the decision, once made, stays.
  const mostLoss = largestPartBytes - s3PartLimits.smallestBytes;
  const sizeOf = (partNumber: number, start: number): number => {
    const spare = start + (s3PartLimits.parts - partNumber + 1) * largestPartBytes - wanted;
    if (spare < mostLoss) return largestPartBytes;
    if (stepLength === 0) return memoryPartBytes;
    return steps[Math.floor((partNumber - 1) / stepLength)] ?? memoryPartBytes;
  };
  let reachBytes = 0;
  for (let part = 1; part <= s3PartLimits.parts; part += 1) reachBytes += sizeOf(part, reachBytes);
  return { sizeOf, memoryPartBytes, largestPartBytes, reachBytes };
}

function checkSizes(memoryPartBytes: number, largestPartBytes: number): void {
  for (const [what, size] of [
    ['the largest part in memory', memoryPartBytes],
    ['the largest part', largestPartBytes],
  ] as const) {
    const fits =
      Number.isSafeInteger(size) &&
      size >= firstPartBytes &&
      size <= s3PartLimits.largestBytes &&
      size % firstPartBytes === 0;
    if (!fits)
      throw new Fault('invalid', `${what} must be a multiple of 8 MiB of at most 5 GiB, not ${size} bytes`);
  }
  if (memoryPartBytes > largestPartBytes) {
    throw new Fault('invalid', 'the largest part must not be smaller than the largest part in memory');
  }
}

/**
 * The largest part that an upload may gather in this much memory for all uploads: a quarter of it, so that one
 * upload keeps three parts on the way while the fourth fills.
 */
export function memoryPartFor(uploadMemoryBytes: number): number {
  return wholeFirstParts(uploadMemoryBytes / 4);
}

/** The largest part that an upload may plan: what memory holds, or the scratch files of all uploads together. */
export function largestPartFor(memoryPartBytes: number, scratchLimitBytes: number): number {
  return Math.max(memoryPartBytes, wholeFirstParts(scratchLimitBytes));
}

function wholeFirstParts(bytes: number): number {
  const whole = Math.floor(bytes / firstPartBytes) * firstPartBytes;
  return Math.min(s3PartLimits.largestBytes, Math.max(firstPartBytes, whole));
}
