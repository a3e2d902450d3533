import { closeSync, openSync, readFileSync, readSync } from 'node:fs';

const stepBytes = 4 * 1024 * 1024;

/**
 * Returns the names of the texts that are in the memory of a process. The process is stopped meanwhile, as in a core
 * file. Needs the right to trace it: it is a descendant, or the caller is root.
 */
export function findInMemory(pid: number, wanted: ReadonlyMap<string, Buffer>): Set<string> {
  const found = new Set<string>();
  const overlap = Math.max(...[...wanted.values()].map(({ length }) => length));
  process.kill(pid, 'SIGSTOP');
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  try {
    const buffer = Buffer.alloc(stepBytes + overlap);
    for (const [start, end] of writableRegions(pid)) {
      for (let at = start; at < end; at += stepBytes) {
        const count = read(memory, buffer, Math.min(buffer.length, end - at), at);
        const bytes = buffer.subarray(0, count);
        for (const [name, text] of wanted) if (!found.has(name) && bytes.includes(text)) found.add(name);
        if (found.size === wanted.size) return found;
      }
    }
  } finally {
    closeSync(memory);
    process.kill(pid, 'SIGCONT');
  }
  return found;
}

/** Regions that the process writes. Addresses above 2^53 belong to the kernel's own pages. */
function writableRegions(pid: number): readonly (readonly [start: number, end: number])[] {
  return readFileSync(`/proc/${pid}/maps`, 'utf8')
    .split('\n')
    .map((line) => /^([0-9a-f]+)-([0-9a-f]+) rw.*?(\[v\w+\])?$/.exec(line))
    .filter((match) => match !== null && match[3] === undefined)
    .map((match) => [Number.parseInt(match?.[1] ?? '', 16), Number.parseInt(match?.[2] ?? '', 16)] as const)
    .filter(([start, end]) => end > start && end <= Number.MAX_SAFE_INTEGER);
}

/** Returns 0 for pages that cannot be read, such as those of a file that has become shorter. */
function read(memory: number, buffer: Buffer, length: number, position: number): number {
  try {
    return readSync(memory, buffer, 0, length, position);
  } catch {
    return 0;
  }
}
