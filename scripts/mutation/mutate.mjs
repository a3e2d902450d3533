// Mutates the modules that the arguments name, or all of them, one after the other, and prints a score for each.
// A module that kills fewer than 80 % of its mutants makes the command fail.
import { globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { instrument } from './instrument.mjs';
import { modules } from './modules.mjs';
import { readEvents, runTests } from './rounds.mjs';

const minPercent = 80;
/** Tests up to this duration meet every mutant that they reach. Slower tests meet those that survive the fast ones. */
const fastMs = 250;
/** Fast tests that one mutant meets. */
const maxFastTests = 40;
/** One mutant may spend this much in slow tests. */
const slowBudgetMs = 15_000;
/** A mutant that is reached more often in one test loops. */
const hitLimit = 200_000;
/** A test that mutants have spoilt this often in one run is not used any more. */
const maxSpoilt = 3;
/** The part of the tests that may fail without a mutant, as on a machine that is too busy. They are left out. */
const maxFailing = 0.05;
/** One mutant of so many is planted. A sample estimates the score of a large module in a fraction of the time. */
const oneOf = Number(process.env.SFTPGW_MUTATION_SAMPLE ?? 1);
/** The first mutant of the sample. Tests written for the survivors of one sample are scored by another one. */
const offset = Number(process.env.SFTPGW_MUTATION_OFFSET ?? 0);
const workers = Number(process.env.SFTPGW_MUTATION_WORKERS ?? 2);

function filesOf(patterns) {
  return patterns.flatMap((pattern) => globSync(pattern)).sort();
}

/** Returns the duration of each test and the mutants that it reaches, and the mutants reached while files load. */
async function coverage(work, files) {
  await runTests(work, { mode: 'cover', files, workers });
  const events = readEvents(work);
  const failed = events.filter(({ hasFailed }) => hasFailed === true);
  for (const { test } of failed) console.error(`  fails without a mutant, left out: ${test}`);
  if (events.length === 0 || failed.length > events.length * maxFailing)
    throw new Error('the tests fail without a mutant');
  return {
    tests: events.filter(({ mutants, hasFailed }) => mutants !== undefined && hasFailed !== true),
    loaded: new Set(events.flatMap(({ loaded }) => loaded ?? [])),
  };
}

/**
 * Returns the tests of a round, as `[{test, ms, mutants}]`: the fast ones, or the slow ones within the budget. A mutant
 * meets the most specific tests, those that reach the fewest mutants. More tests could only raise the score.
 */
function chosen(tests, areSlow) {
  const spentMs = new Map();
  const met = new Map();
  const add = (map, mutant, by) => map.set(mutant, (map.get(mutant) ?? 0) + by);
  return tests
    .filter(({ ms }) => ms > fastMs === areSlow)
    .sort((one, other) => one.mutants.length - other.mutants.length)
    .map(({ test, ms, mutants }) => {
      const affordable = mutants.filter((mutant) =>
        areSlow ? (spentMs.get(mutant) ?? 0) < slowBudgetMs : (met.get(mutant) ?? 0) < maxFastTests,
      );
      for (const mutant of affordable) {
        add(spentMs, mutant, ms);
        add(met, mutant, 1);
      }
      return { test, ms, mutants: affordable };
    });
}

/** Runs tests against mutants until every pair has an outcome. Adds the killed mutants to `dead`, with the reason. */
async function kill(work, tests, dead) {
  const open = new Map(tests.map(({ test, mutants }) => [test, new Set(mutants)]));
  const spoilt = new Map();
  const limitsMs = Object.fromEntries(tests.map(({ test, ms }) => [test, 3_000 + 10 * ms]));
  for (;;) {
    const plan = Object.fromEntries(
      [...open]
        .map(([test, mutants]) => [test, [...mutants].filter((mutant) => !dead.has(mutant))])
        .filter(([, mutants]) => mutants.length > 0),
    );
    const planned = Object.keys(plan);
    if (planned.length === 0) return;
    const files = [
      ...new Set(planned.map((test) => relative(process.cwd(), test.slice(0, test.indexOf('#'))))),
    ];
    const started = performance.now();
    await runTests(work, { mode: 'kill', files, workers, tests: plan, limitsMs, hitLimit });
    const events = readEvents(work);
    const outcomes = settle(events, open, dead);
    for (const { dirty } of events) {
      if (dirty === undefined) continue;
      spoilt.set(dirty, (spoilt.get(dirty) ?? 0) + 1);
      if (spoilt.get(dirty) >= maxSpoilt) open.delete(dirty);
    }
    const seconds = Math.round((performance.now() - started) / 1000);
    console.error(
      `  round: ${planned.length} tests, ${outcomes} outcomes, ${dead.size} killed, ${seconds} s`,
    );
    if (outcomes > 0) continue;
    if (spoilt.size === 0) throw new Error('the tests ended without an outcome');
    // Such as a test whose name has a random part: it would never run.
    for (const test of planned) {
      console.error(`  does not run any more, left out: ${test}`);
      open.delete(test);
    }
  }
}

/** Records the outcomes of a round. A mutant whose test began and did not end has stopped or ended its process. */
function settle(events, open, dead) {
  let outcomes = 0;
  const running = new Map();
  for (const { worker, start, alive, dead: killed, test, why } of events) {
    if (start !== undefined) running.set(worker, { mutant: start, test });
    if (alive !== undefined || killed !== undefined) {
      outcomes += 1;
      running.delete(worker);
    }
    if (alive !== undefined) open.get(test)?.delete(alive);
    if (killed !== undefined) dead.set(killed, { test, why });
  }
  for (const { mutant, test } of running.values()) {
    outcomes += 1;
    dead.set(mutant, { test, why: 'the process stopped' });
  }
  return outcomes;
}

function describe({ fileName, location, mutatorName, replacement }) {
  const { line, column } = location.start;
  const text = replacement.replace(/\s+/g, ' ').slice(0, 100);
  return `${relative(process.cwd(), fileName)}:${line + 1}:${column + 1} ${mutatorName} -> ${text}`;
}

async function scoreOf(name) {
  const work = mkdtempSync(join(tmpdir(), 'sftpgw-mutation-'));
  try {
    const { mutate, tests: patterns } = modules[name];
    const paths = filesOf(mutate).filter((path) => !/\.test\.ts$|\/testing\//.test(path));
    const { sources, mutants: all } = await instrument(paths);
    writeFileSync(join(work, 'sources.json'), JSON.stringify(sources));
    const mutants = all.filter((_, at) => at % oneOf === offset % oneOf);
    const isPlanted = new Set(mutants.map(({ id }) => id));
    const { tests: reaching, loaded } = await coverage(work, filesOf(patterns));
    const tests = reaching.map((test) => ({
      ...test,
      mutants: test.mutants.filter((id) => isPlanted.has(id)),
    }));
    const dead = new Map();
    await kill(work, chosen(tests, false), dead);
    await kill(work, chosen(tests, true), dead);
    return report(name, mutants, tests, dead, loaded);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function report(name, mutants, tests, dead, loaded) {
  const reached = new Set(tests.flatMap((test) => test.mutants));
  const counted = mutants.filter(
    ({ id, status }) => status !== 'Ignored' && (reached.has(id) || !loaded.has(id)),
  );
  const alive = counted.filter(({ id }) => !dead.has(id));
  const lines = alive.map(
    (mutant) => `${reached.has(mutant.id) ? 'survived' : 'no test '} ${describe(mutant)}`,
  );
  const kills = counted
    .filter(({ id }) => dead.has(id))
    .map((mutant) => `killed   ${describe(mutant)} | ${dead.get(mutant.id).why.split('\n')[0]}`);
  mkdirSync(resolve('reports'), { recursive: true });
  writeFileSync(resolve('reports', `mutants-${name}.txt`), `${[...lines, ...kills].join('\n')}\n`);
  return { killed: counted.length - alive.length, counted: counted.length };
}

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !(name in modules));
if (unknown.length > 0) {
  console.error(`unknown module ${unknown.join(', ')}: expected ${Object.keys(modules).join(', ')}`);
  process.exit(2);
}
let failed = false;
for (const name of asked.length > 0 ? asked : Object.keys(modules)) {
  const started = performance.now();
  const { killed, counted } = await scoreOf(name);
  const percent = (100 * killed) / counted;
  const minutes = ((performance.now() - started) / 60_000).toFixed(1);
  const sample = oneOf === 1 ? '' : ` (one of ${oneOf})`;
  console.log(
    `${name}: ${killed} of ${counted} mutants${sample} killed, ${percent.toFixed(1)} %, in ${minutes} min`,
  );
  failed ||= percent < minPercent;
}
process.exitCode = failed ? 1 : 0;
