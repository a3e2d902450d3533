import { Fault } from '../model/fault.js';
import { firstPartBytes, largestPartFor, longestFileBytes, memoryPartFor } from './upload/part-schedule.js';
import { blockBytes, reserveBytes } from './upload/upload-memory.js';

const mebibyte = 1024 * 1024;

/** The bounds of the vault's queues and buffers. Sizes in bytes, times in milliseconds. */
export interface VaultLimits {
  /** Memory of all uploads of this process together; beyond it clients wait. */
  readonly uploadMemoryBytes: number;
  /** How long an upload waits for its share of that memory before it is refused with `over-quota`. */
  readonly uploadAdmissionTimeoutMs: number;
  /** Parts of one upload that are on the way to S3 side by side. */
  readonly parallelParts: number;
  /** The largest part that is gathered in memory; larger ones are in scratch files until S3 has them. */
  readonly memoryPartBytes: number;
  /** The largest part an upload plans; what it means for the longest file: see `createPartSchedule`. */
  readonly largestPartBytes: number;
  /** The longest file that has to fit into 10,000 parts. Less keeps longer files in memory. */
  readonly longestFileBytes: number;
  /** How far ahead of the first missing byte bytes are held in memory; what is further goes to the scratch file. */
  readonly reorderWindowBytes: number;
  /** Disk that the scratch files of all uploads may take together; beyond it clients wait for parts to leave. */
  readonly scratchLimitBytes: number;
  /** The most that a file may be filled with zeros because its size was set and nothing written there. */
  readonly zeroFillLimitBytes: number;
  /** The size of one range of a sequential read. The first ones are smaller. */
  readonly rangeBytes: number;
  /** Ranges of one reader that are fetched ahead side by side. */
  readonly readAheadRanges: number;
  /** Memory of all readers' ranges together; beyond it they read ahead less. */
  readonly readMemoryBytes: number;
}

const uploadMemoryBytes = 256 * mebibyte;
const scratchLimitBytes = 16 * 1024 * mebibyte;

export const defaultVaultLimits: VaultLimits = {
  uploadMemoryBytes,
  uploadAdmissionTimeoutMs: 60_000,
  parallelParts: 4,
  memoryPartBytes: memoryPartFor(uploadMemoryBytes),
  largestPartBytes: largestPartFor(memoryPartFor(uploadMemoryBytes), scratchLimitBytes),
  longestFileBytes,
  reorderWindowBytes: 16 * mebibyte,
  scratchLimitBytes,
  zeroFillLimitBytes: 1024 * mebibyte,
  rangeBytes: 8 * mebibyte,
  readAheadRanges: 4,
  readMemoryBytes: 192 * mebibyte,
};

/** The defaults with these instead. Throws `invalid` naming a limit that cannot work. */
export function vaultLimits(given: Partial<VaultLimits>): VaultLimits {
  const { uploadMemoryBytes, scratchLimitBytes } = { ...defaultVaultLimits, ...given };
  const most = given.largestPartBytes ?? Number.POSITIVE_INFINITY;
  const memoryPartBytes = given.memoryPartBytes ?? Math.min(most, memoryPartFor(uploadMemoryBytes));
  const largestPartBytes = largestPartFor(memoryPartBytes, scratchLimitBytes);
  const limits: VaultLimits = { ...defaultVaultLimits, memoryPartBytes, largestPartBytes, ...given };
  const leastMemory = reserveBytes + firstPartBytes;
  const rules: readonly (readonly [keyof VaultLimits, number])[] = [
    ['uploadMemoryBytes', leastMemory],
    ['uploadAdmissionTimeoutMs', 1],
    ['parallelParts', 1],
    ['longestFileBytes', 1],
    ['reorderWindowBytes', 0],
    ['scratchLimitBytes', 0],
    ['zeroFillLimitBytes', 0],
    ['rangeBytes', blockBytes],
    ['readAheadRanges', 1],
    ['readMemoryBytes', 0],
  ];
  for (const [name, least] of rules) {
    if (!Number.isSafeInteger(limits[name]) || limits[name] < least) {
      throw new Fault('invalid', `${name} must be a whole number of at least ${least}, not ${limits[name]}`);
    }
  }
  return limits;
}
