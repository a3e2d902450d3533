import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { createInstrumenter } from '@stryker-mutator/instrumenter';
import { texts } from './texts.mjs';

const silent = { debug() {}, info() {}, warn: console.warn, isDebugEnabled: () => false };

/** The part of Stryker's dependency injection that its instrumenter needs. */
function injectorWith(values) {
  return {
    provideValue: (name, value) => injectorWith({ ...values, [name]: value }),
    injectClass: (type) => new type(...type.inject.map((name) => values[name])),
  };
}

/** Returns the instrumented text of each file by its absolute path, and the mutants that the texts contain. */
export async function instrument(paths) {
  const files = paths.map((path) => ({
    name: resolve(path),
    mutate: true,
    content: readFileSync(path, 'utf8'),
  }));
  const instrumenter = createInstrumenter(injectorWith({ logger: silent }));
  const options = { plugins: null, ignorers: [texts], excludedMutations: [], noHeader: false };
  const result = await instrumenter.instrument(files, options);
  return {
    sources: Object.fromEntries(result.files.map(({ name, content }) => [name, content])),
    mutants: result.mutants,
  };
}
