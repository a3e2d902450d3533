import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Ratios } from './ratios.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ratios-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function saved(): string {
  const ratios = new Ratios();
  ratios.add('small: rate', 1, 'higher');
  ratios.add('small: cpu', 0.5, 'lower');
  ratios.add('upload: rate', 2, 'higher');
  ratios.add('download: rate', Number.NaN, 'higher');
  const path = join(directory, 'kept.json');
  ratios.save(path, { date: '2026-12-01' });
  return path;
}

function measured(rate: number, cpu: number): Ratios {
  const ratios = new Ratios();
  ratios.add('small: rate', rate, 'higher');
  ratios.add('small: cpu', cpu, 'lower');
  ratios.add('rotation: rate', 1, 'higher');
  return ratios;
}

it('reports no regression within ten percent, nor for better ratios', () => {
  const path = saved();
  expect(measured(0.91, 0.55).compare(path)).toEqual({ compared: 2, regressions: [] });
  expect(measured(3, 0.1).compare(path)).toEqual({ compared: 2, regressions: [] });
});

it('reports each ratio that is worse by more than ten percent', () => {
  const { regressions } = measured(0.89, 0.56).compare(saved());
  expect(regressions).toEqual([
    { name: 'small: rate', before: 1, now: 0.89 },
    { name: 'small: cpu', before: 0.5, now: 0.56 },
  ]);
});

it('keeps the run and the measured ratios only', () => {
  const content = JSON.parse(readFileSync(saved(), 'utf8')) as { run: object; ratios: { name: string }[] };
  expect(content.run).toEqual({ date: '2026-12-01' });
  expect(content.ratios.map(({ name }) => name)).toEqual(['small: rate', 'small: cpu', 'upload: rate']);
});
