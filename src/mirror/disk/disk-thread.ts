// The program of a disk thread. It imports only Node's modules, so that Node can run this file as it is, and types.
import {
  closeSync,
  fchownSync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  futimesSync,
  lstatSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { parentPort } from 'node:worker_threads';
import type {
  DiskFailure,
  DiskTask,
  FilesAnswer,
  FilesTask,
  NewFile,
  StatAnswer,
  StatTask,
  SyncAnswer,
  SyncTask,
} from './disk-tasks.js';

/** As in disk-tasks.ts, which cannot be imported here at run time. A test compares the results. */
const numbersPerStat = 4;
const kinds = { other: 0, file: 1, directory: 2 };

function failureOf(error: unknown): DiskFailure {
  const { code = 'EIO', message } = error as NodeJS.ErrnoException;
  return { code, message };
}

function createFile(file: NewFile, bytes: Uint8Array): FilesAnswer[number] {
  const descriptor = openSync(file.path, 'wx', file.mode);
  try {
    if (file.owner !== null) fchownSync(descriptor, file.owner.uid, file.owner.gid);
    for (let written = 0; written < bytes.byteLength; ) {
      written += writeSync(descriptor, bytes, written, bytes.byteLength - written);
    }
    futimesSync(descriptor, file.mtimeSeconds, file.mtimeSeconds);
    const { ino, size, mtimeMs } = fstatSync(descriptor);
    return { inode: ino, size, mtimeMs };
  } catch (error) {
    rmSync(file.path, { force: true });
    throw error;
  } finally {
    closeSync(descriptor);
  }
}

function runFiles({ files, bytes, renames }: FilesTask): FilesAnswer {
  const results: FilesAnswer[number][] = [];
  const attempt = (work: () => FilesAnswer[number]) => {
    try {
      results.push(work());
    } catch (error) {
      results.push(failureOf(error));
    }
  };
  let position = 0;
  for (const file of files) {
    const content = bytes.subarray(position, position + file.byteLength);
    position += file.byteLength;
    attempt(() => createFile(file, content));
  }
  for (const { from, to } of renames) {
    attempt(() => {
      renameSync(from, to);
      return null;
    });
  }
  return results;
}

function runStat({ root, paths }: StatTask): StatAnswer {
  const names = paths.split('\0');
  const numbers = new Float64Array(numbersPerStat * names.length);
  names.forEach((name, index) => {
    try {
      const stats = lstatSync(`${root}/${name}`, { throwIfNoEntry: false });
      if (stats === undefined) return;
      const kind = stats.isFile() ? kinds.file : stats.isDirectory() ? kinds.directory : kinds.other;
      numbers.set([kind, stats.ino, stats.size, stats.mtimeMs], numbersPerStat * index);
    } catch {
      // A file in place of a directory, or too many links: this path has no file of the mirror.
    }
  });
  return numbers;
}

function runSync({ paths, dataOnly }: SyncTask): SyncAnswer {
  for (const path of paths) {
    try {
      const descriptor = openSync(path, 'r');
      try {
        if (dataOnly) fdatasyncSync(descriptor);
        else fsyncSync(descriptor);
      } finally {
        closeSync(descriptor);
      }
    } catch (error) {
      return failureOf(error);
    }
  }
  return null;
}

parentPort?.on('message', (task: DiskTask) => {
  switch (task.kind) {
    case 'files':
      parentPort?.postMessage(runFiles(task));
      break;
    case 'stat': {
      const numbers = runStat(task);
      parentPort?.postMessage(numbers, [numbers.buffer]);
      break;
    }
    case 'sync':
      parentPort?.postMessage(runSync(task));
      break;
  }
});
