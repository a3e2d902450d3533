import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { announceCommand, isCommandRunning } from './running-commands.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'commands-test-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const id = '0123456789abcdef';

it('a command is running from its announcement to its end', async () => {
  expect(await isCommandRunning(directory, id)).toBe(false);
  const running = await announceCommand(directory, id);
  expect(await isCommandRunning(directory, id)).toBe(true);
  expect(await isCommandRunning(directory, 'fedcba9876543210')).toBe(false);
  await running.release();
  expect(await isCommandRunning(directory, id)).toBe(false);
});

it('a killed command is not running, and its lock file is removed', async () => {
  const path = join(directory, `${id}.lock`);
  writeFileSync(path, '');
  expect(await isCommandRunning(directory, id)).toBe(false);
  expect(existsSync(path)).toBe(false);
});

it('an invalid id of a command never becomes a file name', async () => {
  writeFileSync(join(directory, 'other.lock'), '');
  expect(await isCommandRunning(join(directory, 'below'), '../other')).toBe(false);
  expect(existsSync(join(directory, 'other.lock'))).toBe(true);
});
