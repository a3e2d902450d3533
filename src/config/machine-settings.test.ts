import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { machineSettings } from './machine-settings.js';

it('docs/CLUSTER.md names the settings of one machine', () => {
  const page = join(resolve(import.meta.dirname, '../..'), 'docs/CLUSTER.md');
  const row = readFileSync(page, 'utf8')
    .split('\n')
    .find((line) => line.startsWith('| settings, except'));
  const named = [...(row ?? '').matchAll(/`([^`]+)`/g)].map(([, name]) => name);
  expect(named).toEqual(machineSettings);
});
