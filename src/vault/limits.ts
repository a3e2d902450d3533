import { Fault } from '../model/fault.js';
import { defaultMaxFileBytes, firstPartBytes, maxPartFor, memoryPartFor } from './upload/part-schedule.js';
import { blockBytes, reserveBytes } from './upload/upload-memory.js';

const mebibyte = 1024 * 1024;

/** Bounds of the vault's queues and buffers. Sizes in bytes, times in milliseconds. */
export interface VaultLimits {
  /** Memory of all uploads of this process together. Clients wait while it is full. */
  readonly uploadMemoryBytes: number;
  /** Time that an upload waits for its share of that memory before it is refused with `over-quota`. */
  readonly uploadAdmissionTimeoutMs: number;
  /** Parts of one upload that are sent to S3 in parallel. */
  readonly parallelParts: number;
  /** Max part size that is gathered in memory. Larger parts are in scratch files until S3 has them. */
  readonly memoryPartBytes: number;
  /** Max part size of an upload. `createPartSchedule` documents how it limits the file size. */
  readonly maxPartBytes: number;
  /** Max file size that has to fit into 10,000 parts. A lower value lets larger files stay in memory. */
  readonly maxFileBytes: number;
  /**
   * How far behind the first missing byte data is held in memory. Data further on goes to the scratch file.
   */
  readonly reorderWindowBytes: number;
  /** Disk space of all scratch files together. Clients wait for parts to be sent while it is full. */
  readonly scratchLimitBytes: number;
  /**
   * Max number of zeros with which a file is filled because its size was set and nothing was written there.
   */
  readonly zeroFillLimitBytes: number;
  /** Memory for changed bytes of all edited files together. Further changes go to the scratch files. */
  readonly editMemoryBytes: number;
  /** Size of one range of a sequential read. The first ranges are smaller. */
  readonly rangeBytes: number;
  /** Ranges of one reader that are fetched ahead in parallel. */
  readonly readAheadRanges: number;
  /** Memory of all readers' ranges together. Readers fetch less ahead while it is full. */
  readonly readMemoryBytes: number;
  /** How long a body that S3 interrupts is resumed without receiving a byte. */
  readonly resumeTimeMs: number;
}

const uploadMemoryBytes = 256 * mebibyte;
const scratchLimitBytes = 16 * 1024 * mebibyte;

/** The limits of a gateway with default settings. */
export const defaultVaultLimits: VaultLimits = {
  uploadMemoryBytes,
  uploadAdmissionTimeoutMs: 60_000,
  parallelParts: 4,
  memoryPartBytes: memoryPartFor(uploadMemoryBytes),
  maxPartBytes: maxPartFor(memoryPartFor(uploadMemoryBytes), scratchLimitBytes),
  maxFileBytes: defaultMaxFileBytes,
  reorderWindowBytes: 16 * mebibyte,
  scratchLimitBytes,
  zeroFillLimitBytes: 1024 * mebibyte,
  editMemoryBytes: 32 * mebibyte,
  rangeBytes: 8 * mebibyte,
  readAheadRanges: 4,
  readMemoryBytes: 192 * mebibyte,
  resumeTimeMs: 90_000,
};

/** Returns the defaults, replaced by the limits given. Throws `invalid`, naming a limit that cannot work. */
export function vaultLimits(given: Partial<VaultLimits>): VaultLimits {
  const { uploadMemoryBytes, scratchLimitBytes } = { ...defaultVaultLimits, ...given };
  const boundBytes = given.maxPartBytes ?? Number.POSITIVE_INFINITY;
  const memoryPartBytes = given.memoryPartBytes ?? Math.min(boundBytes, memoryPartFor(uploadMemoryBytes));
  const maxPartBytes = maxPartFor(memoryPartBytes, scratchLimitBytes);
  const limits: VaultLimits = { ...defaultVaultLimits, memoryPartBytes, maxPartBytes, ...given };
  const minMemoryBytes = reserveBytes + firstPartBytes;
  const rules: readonly (readonly [keyof VaultLimits, number])[] = [
    ['uploadMemoryBytes', minMemoryBytes],
    ['uploadAdmissionTimeoutMs', 1],
    ['parallelParts', 1],
    ['maxFileBytes', 1],
    ['reorderWindowBytes', 0],
    ['scratchLimitBytes', 0],
    ['zeroFillLimitBytes', 0],
    ['editMemoryBytes', 0],
    ['rangeBytes', blockBytes],
    ['readAheadRanges', 1],
    ['readMemoryBytes', 0],
    ['resumeTimeMs', 0],
  ];
  for (const [name, min] of rules) {
    if (!Number.isSafeInteger(limits[name]) || limits[name] < min) {
      throw new Fault('invalid', `${name} must be a whole number >= ${min}, not ${limits[name]}`);
    }
  }
  return limits;
}
