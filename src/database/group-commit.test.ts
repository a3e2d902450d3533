import Sqlite from 'better-sqlite3';
import { Kysely, sql } from 'kysely';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type CommitTiming, GroupCommit } from './group-commit.js';
import { BetterSqliteDialect } from './sqlite/dialect.js';

interface Tables {
  readonly note: { readonly text: string };
}

/** A clock that the writes of the test move on, and on which pauses are over at once. */
class CommitClock implements CommitTiming {
  readonly pauses: number[] = [];
  #nowMs = 1_000;
  /** What each write takes. */
  writeMs = 1;

  now(): number {
    return this.#nowMs;
  }

  pass(ms = this.writeMs): void {
    this.#nowMs += ms;
  }

  async pause(ms: number): Promise<void> {
    this.pauses.push(ms);
    this.#nowMs += ms;
  }
}

let db: Kysely<Tables>;
let clock: CommitClock;
let commits: GroupCommit<Tables>;

beforeEach(async () => {
  db = new Kysely<Tables>({ dialect: new BetterSqliteDialect(new Sqlite(':memory:')) });
  await sql`create table note (text text not null)`.execute(db);
  clock = new CommitClock();
  commits = new GroupCommit(db, clock);
});
afterEach(() => db.destroy());

const note = (text: string) =>
  commits.write(async (trx) => {
    clock.pass();
    await trx.insertInto('note').values({ text }).execute();
  });

const notes = async () => (await db.selectFrom('note').select('text').execute()).map(({ text }) => text);

it('who writes alone never waits for company', async () => {
  for (const text of ['a', 'b', 'c']) await note(text);
  expect(clock.pauses).toEqual([]);
  expect(await notes()).toEqual(['a', 'b', 'c']);
});

it('where several write at once, the next commit comes after three times as long as the last one took', async () => {
  clock.writeMs = 0.5;
  await Promise.all([note('a'), note('b')]);
  await Promise.all([note('c'), note('d')]);
  expect(clock.pauses).toEqual([3]);
  expect(await notes()).toEqual(['a', 'b', 'c', 'd']);
});

it('no wait is longer than five milliseconds, however slow the disk', async () => {
  clock.writeMs = 400;
  await Promise.all([note('a'), note('b')]);
  await note('c');
  await note('d');
  expect(clock.pauses).toEqual([5]);
});

it('time that has passed since is no wait', async () => {
  await Promise.all([note('a'), note('b')]);
  clock.pass(4);
  await note('c');
  expect(clock.pauses).toEqual([1]);
  await Promise.all([note('d'), note('e')]);
  clock.pass(60);
  await note('f');
  expect(clock.pauses).toEqual([1]);
});

it('a commit that is full waits for nobody', async () => {
  await Promise.all([note('a'), note('b')]);
  await Promise.all(Array.from({ length: 256 }, (_, at) => note(String(at))));
  expect(clock.pauses).toEqual([]);
  expect(await notes()).toHaveLength(258);
});
