import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

/** Directory that mutate.mjs has prepared: the mutated sources and the plan of the run. */
const work = process.env.SFTPGW_MUTATION_WORK ?? '';
const sources = new Map(Object.entries(JSON.parse(readFileSync(join(work, 'sources.json'), 'utf8'))));
const { files, workers } = JSON.parse(readFileSync(join(work, 'plan.json'), 'utf8'));

export default defineConfig({
  plugins: [
    {
      name: 'mutated-sources',
      enforce: 'pre',
      load: (id) => sources.get(id.split('?')[0]),
    },
  ],
  test: {
    include: files,
    pool: 'forks',
    // The files of a worker share their modules, so that loading them costs once per run and not once per mutant.
    isolate: false,
    // Vitest would keep the transformed sources of an earlier run, with or without mutants.
    fsModuleCache: false,
    maxWorkers: workers,
    runner: './scripts/mutation/runner.mjs',
    testTimeout: 120_000,
    hookTimeout: 10_000,
    reporters: ['dot'],
    silent: true,
  },
});
