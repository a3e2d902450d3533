import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runProgram } from '../command.js';
import { exitCodes } from '../exit-codes.js';
import { sftpgwProgram } from '../program.js';
import { fakeShell } from '../terminal/testing/fake-shell.js';
import { parseParallel, parseRate } from './rotation-pace.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'key-rotate-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

async function rotate(...args: readonly string[]) {
  const shell = fakeShell();
  const code = await runProgram(sftpgwProgram, ['key', 'rotate', ...args, '--root', root], shell);
  return { code, out: shell.outLines.join('\n'), err: shell.errLines.join('\n') };
}

describe('sftpgw key rotate', () => {
  it('refuses keys that others hold, and suggests what to do', async () => {
    for (const flag of ['--shared', '--downloads']) {
      const { code, err } = await rotate(flag);
      expect(code).not.toBe(exitCodes.success);
      expect(err).toContain('written by others');
    }
  });

  it.each([
    [[], '--user'],
    [['--user', 'bob', '--rate', 'fast'], '--rate fast'],
    [['--user', 'bob', '--parallel', '0'], '--parallel 0'],
    [['--user', 'bob', '--versions', 'some'], '--versions some'],
    [['--user', 'bob'], 'there is no user bob'],
    [['--resume'], 'no rotation is in progress'],
  ])('explains what is wrong with %j', async (args, named) => {
    const { code, err } = await rotate(...args);
    expect(code).not.toBe(exitCodes.success);
    expect(err).toContain(named);
  });

  it('reports that there are no rotations yet', async () => {
    expect(await rotate('--status')).toMatchObject({
      code: exitCodes.success,
      err: 'there are no rotations yet',
    });
    expect(await rotate('--status', '--json')).toMatchObject({ out: '[]' });
  });
});

describe('the pace', () => {
  it('is given in objects or bytes per second', () => {
    expect(parseRate('20/s')).toEqual({ objectsPerSecond: 20, bytesPerSecond: null });
    expect(parseRate('1.5MiB/s')).toEqual({ objectsPerSecond: null, bytesPerSecond: 1.5 * 1024 ** 2 });
    for (const bad of ['', '0/s', '-1/s', '20', '20MB/s']) expect(() => parseRate(bad)).toThrow('--rate');
    expect(parseParallel('64')).toEqual({ parallel: 64 });
    for (const bad of ['65', '1.5', 'x']) expect(() => parseParallel(bad)).toThrow('--parallel');
  });
});
