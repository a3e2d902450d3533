import { Fault } from '../../model/fault.js';
import type { RotationPace } from '../../model/rotation.js';

const units: Readonly<Record<string, number>> = { KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

/** Parses `20/s` (objects) or `50MiB/s`. Throws `invalid`. */
export function parseRate(text: string): Pick<RotationPace, 'objectsPerSecond' | 'bytesPerSecond'> {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?) ?(KiB|MiB|GiB)?\/s$/.exec(text) ?? [];
  const value = Number(number);
  if (value <= 0 || !Number.isFinite(value)) {
    throw new Fault('invalid', `--rate ${text}: must be objects (20/s) or bytes (50MiB/s) per second`);
  }
  return unit === ''
    ? { objectsPerSecond: value, bytesPerSecond: null }
    : { objectsPerSecond: null, bytesPerSecond: value * (units[unit] ?? 1) };
}

/** Maximum copies in parallel. S3 does the work, but each copy needs a connection. */
const maxParallel = 64;

/** Parses the number of objects in parallel. Throws `invalid`. */
export function parseParallel(text: string): Pick<RotationPace, 'parallel'> {
  const parallel = Number(text);
  if (!/^\d+$/.test(text) || parallel < 1 || parallel > maxParallel) {
    throw new Fault('invalid', `--parallel ${text}: must be 1 to ${maxParallel}`);
  }
  return { parallel };
}
