import { Fault } from '../../model/fault.js';

const mebibyte = 1024 * 1024;
const gibibyte = 1024 * mebibyte;

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
export const s3PartLimits = {
  parts: 10_000,
  /** The last part may be smaller. */
  minBytes: 5 * mebibyte,
  maxBytes: 5 * gibibyte,
} as const;

/** Max size of a file that is not a multipart upload, and the size of the first parts. In bytes. */
export const firstPartBytes = 8 * mebibyte;

/** Part sizes of an upload whose total size is unknown. */
export interface PartSchedule {
  /**
   * Returns the size in bytes of a part that begins at `start`; 1 <= partNumber <= 10,000. It is never less
   * than that of the previous part, unless earlier parts were larger than planned.
   */
  sizeOf(partNumber: number, start: number): number;
  /** Parts larger than this are not gathered in memory. */
  readonly memoryPartBytes: number;
  readonly maxPartBytes: number;
  /** Size of the largest file that fits into parts of these sizes. */
  readonly capacityBytes: number;
}

/** Bounds of a part schedule. Sizes in bytes. */
export interface PartScheduleOptions {
  /** Max size of a part that is gathered in memory. A multiple of 8 MiB. */
  readonly memoryPartBytes: number;
  /** Max size of any part: a multiple of 8 MiB, not below `memoryPartBytes`, max 5 GiB. */
  readonly maxPartBytes: number;
  /**
   * Max file size that the parts must hold, if 10,000 of the largest can. A lower value keeps larger files in
   * memory.
   */
  readonly maxFileBytes: number;
}

/** Default max file size: files of up to 315 GiB then need no disk with 160 MiB of upload memory. */
export const defaultMaxFileBytes = 5 * 1024 * gibibyte;

/** Max number of parts in one step. After it, the file is large enough for larger parts. */
const maxStepParts = 1000;

/**
 * If the max file size is not reachable, smaller parts cost at most this share of the largest possible file.
 */
const smallShare = 0.25;

/**
 * If parts of the largest size do not fit into memory, the steps use this share of what smaller parts may
 * cost.
 */
const stepShare = 0.2;

/**
 * Creates a schedule that starts at 8 MiB and doubles in steps up to the largest part that fits into memory.
 * Small first parts are sent early and need little memory. The schedule stays at the largest part in memory
 * as long as the max file size allows, then changes to the largest part of all. Sizes in between would use as
 * much disk and cost as much file size.
 *
 * The number of parts in memory follows from arithmetic. 10,000 parts of 5 GiB hold 48.83 TiB. A max of 48 TiB
 * thus means that all but about 170 parts have 5 GiB each, whatever the steps are. With parts of up to 64 MiB
 * in memory (256 MiB of upload memory), the first 9 GiB of a file then never use the disk. With 256 MiB (1 GiB)
 * it is 36 GiB, and with 5 GiB (20 GiB) the whole file. A lower max keeps more of a file in memory: with 5 TiB
 * it is 487 GiB, 1.9 TiB and the whole file. Parts that were sent smaller than planned are compensated in the
 * same way.
 */
export function createPartSchedule(options: PartScheduleOptions): PartSchedule {
  const { memoryPartBytes, maxPartBytes } = options;
  checkSizes(memoryPartBytes, maxPartBytes);
  const wholeReach = s3PartLimits.parts * maxPartBytes;
  const wanted = options.maxFileBytes <= wholeReach ? options.maxFileBytes : wholeReach * (1 - smallShare);
  const steps: number[] = [];
  for (let size = firstPartBytes; size < memoryPartBytes; size *= 2) steps.push(size);
  const lossPerStep = steps.reduce((loss, size) => loss + maxPartBytes - size, 0);
  const forSteps = (wholeReach - wanted) * (maxPartBytes > memoryPartBytes ? stepShare : 1);
  const stepLength = Math.min(maxStepParts, Math.floor(forSteps / Math.max(1, lossPerStep)));
  // The most that one part can cost, so that the change to the largest parts is final once made.
  const maxLossBytes = maxPartBytes - s3PartLimits.minBytes;
  const sizeOf = (partNumber: number, start: number): number => {
    const spare = start + (s3PartLimits.parts - partNumber + 1) * maxPartBytes - wanted;
    if (spare < maxLossBytes) return maxPartBytes;
    if (stepLength === 0) return memoryPartBytes;
    return steps[Math.floor((partNumber - 1) / stepLength)] ?? memoryPartBytes;
  };
  let capacityBytes = 0;
  for (let part = 1; part <= s3PartLimits.parts; part += 1) capacityBytes += sizeOf(part, capacityBytes);
  return { sizeOf, memoryPartBytes, maxPartBytes, capacityBytes };
}

function checkSizes(memoryPartBytes: number, maxPartBytes: number): void {
  for (const [what, size] of [
    ['the largest part in memory', memoryPartBytes],
    ['the largest part', maxPartBytes],
  ] as const) {
    const fits =
      Number.isSafeInteger(size) &&
      size >= firstPartBytes &&
      size <= s3PartLimits.maxBytes &&
      size % firstPartBytes === 0;
    if (!fits)
      throw new Fault('invalid', `${what} must be a multiple of 8 MiB and at most 5 GiB, not ${size} bytes`);
  }
  if (memoryPartBytes > maxPartBytes) {
    throw new Fault('invalid', 'the largest part must not be smaller than the largest part in memory');
  }
}

/**
 * Returns the max size of a part that one upload may gather in memory. It is a quarter of the memory of all
 * uploads, so that one upload can send three parts while the fourth fills.
 */
export function memoryPartFor(uploadMemoryBytes: number): number {
  return wholeFirstParts(uploadMemoryBytes / 4);
}

/**
 * Returns the max size of a part that an upload may plan: what fits into memory, or into the scratch files of
 * all uploads together.
 */
export function maxPartFor(memoryPartBytes: number, scratchLimitBytes: number): number {
  return Math.max(memoryPartBytes, wholeFirstParts(scratchLimitBytes));
}

function wholeFirstParts(bytes: number): number {
  const whole = Math.floor(bytes / firstPartBytes) * firstPartBytes;
  return Math.min(s3PartLimits.maxBytes, Math.max(firstPartBytes, whole));
}
