import { availableParallelism } from 'node:os';
import { setting } from './setting.js';
import { count, type ValueKind } from './values.js';

/** Max processes of one gateway. */
export const maxWorkers = 64;
const number = count(1, maxWorkers);

/** A number of processes; 0 stands for `auto`. */
const workerCount: ValueKind<number> = {
  form: `auto or ${number.form}`,
  parse: (text) => (text === 'auto' ? { value: 0 } : number.parse(text)),
  format: (value) => (value === 0 ? 'auto' : String(value)),
};

/** The setting for several processes. */
export const workersSetting = {
  workers: setting(
    'workers',
    workerCount,
    1,
    'Number of processes that serve clients on this machine. auto: one for each processor core. With more than one, `sftpgw serve` starts and supervises them. See docs/CLUSTER.md.',
  ),
};

/** Returns how many processes a value of `workers` stands for. */
export function workersOf(setting: number): number {
  return setting === 0 ? Math.min(maxWorkers, availableParallelism()) : setting;
}
