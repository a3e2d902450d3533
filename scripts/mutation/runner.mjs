import { appendFileSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TestRunner } from 'vitest';

const work = process.env.SFTPGW_MUTATION_WORK ?? '';
const plan = JSON.parse(readFileSync(join(work, 'plan.json'), 'utf8'));
const ownEvents = `events-${process.pid}.jsonl`;

/** State that the instrumented code shares with its driver. The instrumenter defines the names. */
const instrumented = globalThis.__stryker__ ?? {};
globalThis.__stryker__ = instrumented;
const dead = new Set();

function record(event) {
  appendFileSync(join(work, ownEvents), `${JSON.stringify(event)}\n`);
}

/** Adds the mutants that the other workers of this round have killed. */
function readKills() {
  for (const name of readdirSync(work)) {
    if (!name.startsWith('events-') || name === ownEvents) continue;
    for (const [, mutant] of readFileSync(join(work, name), 'utf8').matchAll(/"dead":"(\d+)"/g))
      dead.add(mutant);
  }
}

function idOf(test) {
  const names = [];
  for (let task = test; task !== undefined; task = task.suite) names.unshift(task.name);
  return `${test.file.filepath}#${names.join(' > ')}`;
}

/**
 * Runs each test once per mutant that it reaches, in one process: a process per mutant costs a hundred times as
 * much. After each kill the test runs once without a mutant. If it fails then, the mutant has left something
 * behind, and the test's remaining mutants wait for the next process.
 */
export default class MutationRunner extends TestRunner {
  #id = '';
  #queue = [];
  /** The mutant of the current try; null for a try without one. */
  #mutant = null;
  #isControlDue = false;
  #started = 0;
  #hasTimedOut = false;

  async onBeforeRunTask(test) {
    await super.onBeforeRunTask(test);
    if (test.mode !== 'run' && test.mode !== 'queued') return;
    this.#id = idOf(test);
    if (plan.mode === 'cover') return;
    readKills();
    this.#queue = (plan.tests[this.#id] ?? []).filter((mutant) => !dead.has(mutant));
    this.#isControlDue = false;
    if (this.#queue.length === 0) test.mode = 'skip';
    else test.repeats = Number.MAX_SAFE_INTEGER;
  }

  onBeforeTryTask(test, options) {
    super.onBeforeTryTask(test, options);
    this.#started = performance.now();
    this.#hasTimedOut = false;
    if (plan.mode === 'cover') {
      instrumented.currentTestId = this.#id;
      return;
    }
    this.#mutant = this.#isControlDue ? null : this.#nextMutant();
    if (this.#mutant === undefined) test.context.skip();
    if (this.#mutant !== null) record({ start: this.#mutant, test: this.#id });
    instrumented.activeMutant = this.#mutant ?? undefined;
    instrumented.hitCount = 0;
    instrumented.hitLimit = plan.hitLimit;
  }

  onAfterRunFiles(files) {
    super.onAfterRunFiles(files);
    if (plan.mode === 'cover') record({ loaded: Object.keys(instrumented.mutantCoverage?.static ?? {}) });
  }

  #nextMutant() {
    let next = this.#queue.shift();
    while (next !== undefined && dead.has(next)) next = this.#queue.shift();
    return next;
  }

  async runTask(test) {
    const body = TestRunner.getTestFn(test);
    if (plan.mode === 'cover') return body();
    const done = new AbortController();
    const limitMs = plan.limitsMs[this.#id];
    const late = sleep(limitMs, undefined, { signal: done.signal }).then(
      () => {
        this.#hasTimedOut = true;
        throw new Error('the test did not end in time');
      },
      () => undefined,
    );
    try {
      await Promise.race([body(), late]);
    } finally {
      done.abort();
    }
  }

  async onAfterRetryTask(test, options) {
    await super.onAfterRetryTask(test, options);
    instrumented.activeMutant = undefined;
    if (plan.mode === 'cover') this.#recordCoverage(test);
    else if (this.#mutant !== undefined) this.#recordOutcome(test);
  }

  #recordCoverage(test) {
    instrumented.currentTestId = undefined;
    const hits = instrumented.mutantCoverage?.perTest[this.#id] ?? {};
    const hasFailed = test.result.state === 'fail';
    const ms = performance.now() - this.#started;
    record({ test: this.#id, ms, mutants: Object.keys(hits), hasFailed });
  }

  #recordOutcome(test) {
    const hasFailed = test.result.state === 'fail';
    if (this.#mutant === null) {
      this.#isControlDue = false;
      if (hasFailed) {
        record({ dirty: this.#id });
        this.#queue = [];
      }
    } else if (hasFailed) {
      dead.add(this.#mutant);
      const why = this.#hasTimedOut ? 'timeout' : (test.result.errors?.[0]?.message ?? 'failed');
      record({ dead: this.#mutant, test: this.#id, why: why.slice(0, 200) });
      this.#isControlDue = true;
    } else {
      record({ alive: this.#mutant, test: this.#id });
    }
    // The try is over for the runner too: the next one begins like a first one.
    Object.assign(test.result, { state: 'pass', errors: undefined, attempts: [] });
  }
}
