import { readdirSync, readFileSync } from 'node:fs';

/**
 * Clock ticks per second in /proc/PID/stat. USER_HZ is 100 on every Linux that Node.js supports (proc(5)).
 */
const ticksPerSecond = 100;

/** Returns the user and system CPU seconds that the process and its waited-for children have used so far. */
export function cpuSeconds(pid: number): number {
  const [user = 0, system = 0, childUser = 0, childSystem = 0] = cpuTicks(pid);
  return (user + system + childUser + childSystem) / ticksPerSecond;
}

/** Returns the CPU seconds of the programs that this process has started and that have ended. */
export function childCpuSeconds(): number {
  const [, , user = 0, system = 0] = cpuTicks(process.pid);
  return (user + system) / ticksPerSecond;
}

/** Returns the ticks of user and system time of the process, and of its waited-for children. */
function cpuTicks(pid: number): readonly number[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field is the name in parentheses, which may contain spaces. Single spaces separate the later
  // fields.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).map(Number);
}

/**
 * Returns the CPU seconds of the process's present threads, in nanoseconds' resolution. Threads that have ended do not count
 * (schedstat of proc(5)).
 */
export function threadCpuSeconds(pid: number): number {
  let nanoseconds = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
  }
  return nanoseconds / 1e9;
}

/** Returns the ids of the process and all its descendants. Some of these may end at any time. */
export function processTree(pid: number): number[] {
  return [pid, ...childrenOf(pid).flatMap(processTree)];
}

function childrenOf(pid: number): number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return children.split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/** Returns the sum of `cpuSeconds` over processes. One that has ended counts with its parent. */
export function cpuSecondsOf(pids: readonly number[]): number {
  let sum = 0;
  for (const pid of new Set(pids)) {
    try {
      sum += cpuSeconds(pid);
    } catch {
      // The process has ended. Its parent's time includes its own.
    }
  }
  return sum;
}

/** Returns the peak resident memory of the process so far, in MiB. */
export function peakMemoryMib(pid: number): number {
  const line = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line?.[1] ?? 0) / 1024;
}

/** Works through the items in order, so many at once. */
export async function inParallel<T>(
  atOnce: number,
  items: readonly T[],
  work: (item: T) => Promise<void>,
): Promise<void> {
  const queue = items.values();
  const worker = async () => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

/** Returns the duration of the work in seconds. */
export async function timedSeconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

/** Returns the median, or NaN for no values. */
export function median(values: readonly number[]): number {
  if (values.length === 0) return Number.NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}
