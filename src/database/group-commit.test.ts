import Sqlite from 'better-sqlite3';
import { Kysely, sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CommitTiming, GroupCommit } from './group-commit.js';
import { BetterSqliteDialect } from './sqlite/dialect.js';

interface Tables {
  readonly note: { readonly text: string };
}

/** Clock that the test's writes advance, with pauses that end at once. */
class CommitClock implements CommitTiming {
  readonly pauses: number[] = [];
  #nowMs = 1_000;
  /** Duration of each write in milliseconds. */
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
  commits = new GroupCommit((work) => db.transaction().execute(work), clock);
});
afterEach(() => db.destroy());

const note = (text: string) =>
  commits.write(async (trx) => {
    clock.pass();
    await trx.insertInto('note').values({ text }).execute();
  });

const notes = async () => (await db.selectFrom('note').select('text').execute()).map(({ text }) => text);

it('a single writer never waits', async () => {
  for (const text of ['a', 'b', 'c']) await note(text);
  expect(clock.pauses).toEqual([]);
  expect(await notes()).toEqual(['a', 'b', 'c']);
});

it('after a shared commit, the next one waits three times as long as the last one took', async () => {
  clock.writeMs = 0.5;
  await Promise.all([note('a'), note('b')]);
  await Promise.all([note('c'), note('d')]);
  expect(clock.pauses).toEqual([3]);
  expect(await notes()).toEqual(['a', 'b', 'c', 'd']);
});

it('a wait lasts at most five milliseconds, however slow the disk', async () => {
  clock.writeMs = 400;
  await Promise.all([note('a'), note('b')]);
  await note('c');
  await note('d');
  expect(clock.pauses).toEqual([5]);
});

it('time that has passed since the commit shortens the wait', async () => {
  await Promise.all([note('a'), note('b')]);
  clock.pass(4);
  await note('c');
  expect(clock.pauses).toEqual([1]);
  await Promise.all([note('d'), note('e')]);
  clock.pass(60);
  await note('f');
  expect(clock.pauses).toEqual([1]);
});

it('a full commit does not wait', async () => {
  await Promise.all([note('a'), note('b')]);
  await Promise.all(Array.from({ length: 256 }, (_, at) => note(String(at))));
  expect(clock.pauses).toEqual([]);
  expect(await notes()).toHaveLength(258);
});

const noteSoon = (text: string) =>
  commits.writeSoon(async (trx) => {
    await trx.insertInto('note').values({ text }).execute();
  });

describe('a write that may wait', () => {
  it('shares the commit of the next write, and runs before it', async () => {
    const transactions: string[] = [];
    commits = new GroupCommit((work) => {
      transactions.push('begin');
      return db.transaction().execute(work);
    }, clock);
    const soon = noteSoon('a');
    await note('b');
    await soon;
    expect(transactions).toEqual(['begin']);
    expect(await notes()).toEqual(['a', 'b']);
    // The next urgent write does not wait for others.
    await note('c');
    expect(clock.pauses).toEqual([]);
  });

  it('is committed without another write', async () => {
    await noteSoon('a');
    expect(await notes()).toEqual(['a']);
  });

  it('is committed before a read and before the end', async () => {
    expect(commits.visible()).toBeNull();
    const soon = noteSoon('a');
    await commits.visible();
    expect(await notes()).toEqual(['a']);
    await soon;
    expect(commits.visible()).toBeNull();
    const last = noteSoon('b');
    await commits.idle();
    await last;
    expect(await notes()).toEqual(['a', 'b']);
  });

  it('fails alone', async () => {
    const failing = commits.writeSoon(async () => {
      throw new Error('refused');
    });
    const refused = expect(failing).rejects.toThrow('refused');
    await note('b');
    await refused;
    await commits.visible();
    expect(await notes()).toEqual(['b']);
  });
});
