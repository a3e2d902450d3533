import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BaseFile, nextVersion, planFile, type RemoteFile } from './plan.js';

const base = (version: number, digest: string | null): BaseFile => ({ version, digest });

describe('the plan of a file', () => {
  it.each([
    ['nothing', null, null, null],
    ['nothing', base(5, 'a'), 'a', base(5, 'a')],
    ['store', null, 'a', null],
    ['store', base(5, 'a'), 'b', base(5, 'a')],
    ['store', base(5, 'a'), null, base(5, 'a')],
    ['apply', null, null, base(5, 'a')],
    ['apply', base(5, 'a'), 'a', base(6, 'b')],
    ['apply', base(5, 'a'), 'a', base(6, null)],
    ['record', null, 'a', base(5, 'a')],
    ['record', base(5, 'a'), 'b', base(6, 'b')],
    ['record', base(5, 'a'), null, base(6, null)],
    ['conflict', null, 'a', base(5, 'b')],
    ['conflict', base(5, 'a'), 'b', base(6, 'c')],
    ['conflict', base(5, 'a'), null, base(6, 'c')],
    ['conflict', base(5, 'a'), 'b', base(6, null)],
    // A backup of the database was restored, or its row was removed.
    ['store', base(6, 'b'), 'b', base(5, 'a')],
    ['store', base(6, 'b'), 'b', null],
    ['record', base(6, null), null, null],
  ] as const)('is %s for the base %j, the file %j and the row %j', (plan, of, local, remote) => {
    expect(planFile({ base: of, local, remote })).toBe(plan);
  });

  it('never uses a version again', () => {
    expect(nextVersion({ base: null, remote: null }, 1_000)).toBe(1_000);
    expect(nextVersion({ base: base(2_000, 'a'), remote: base(3_000, 'b') }, 1_000)).toBe(3_001);
  });
});

/** One file on three nodes and in the database. Each content that a person writes is another one. */
class Model {
  readonly #nodes = [0, 1, 2].map(() => ({ base: null as BaseFile | null, local: null as string | null }));
  #row: RemoteFile | null = null;
  #backup: RemoteFile | null = null;
  #nowMs = 1;
  #written = 0;
  /** The contents that were in force when a person wrote another one, and those that were kept beside. */
  readonly replaced = new Set<string>();
  readonly kept = new Set<string>();
  readonly all = new Set<string>();

  write(at: number, isRemoval: boolean): void {
    const node = this.#node(at);
    if (node.local !== null) this.replaced.add(node.local);
    this.#written += 1;
    node.local = isRemoval ? null : `content ${this.#written}`;
    if (node.local !== null) this.all.add(node.local);
  }

  /** `crash` ends the node after it has written a file or row, before it has recorded that. */
  sync(at: number, crash: boolean): void {
    const node = this.#node(at);
    this.#nowMs += 1;
    const remote = this.#row;
    const { base, local } = node;
    const plan = planFile({ base, local, remote });
    if (plan === 'store') this.#row = { version: nextVersion({ base, remote }, this.#nowMs), digest: local };
    if (plan === 'conflict' && local !== null) this.kept.add(local);
    if (plan === 'conflict' || plan === 'apply') node.local = remote?.digest ?? null;
    if (plan !== 'nothing' && !crash)
      node.base = { version: this.#row?.version ?? 0, digest: this.#row?.digest ?? null };
  }

  backUp(): void {
    this.#backup = this.#row;
  }

  restore(): void {
    this.#row = this.#backup;
  }

  settle(): void {
    for (let round = 0; round < 4; round += 1) for (let at = 0; at < 3; at += 1) this.sync(at, false);
  }

  get contents(): readonly (string | null)[] {
    return [...this.#nodes.map(({ local }) => local), this.#row?.digest ?? null];
  }

  #node(at: number) {
    const node = this.#nodes[at];
    if (node === undefined) throw new Error('no such node');
    return node;
  }
}

const step = fc.oneof(
  fc.record({ do: fc.constant('write' as const), at: fc.nat(2), flag: fc.boolean() }),
  fc.record({ do: fc.constant('sync' as const), at: fc.nat(2), flag: fc.boolean() }),
);
const outage = fc.constantFrom({ do: 'backUp' as const }, { do: 'restore' as const });

type Event =
  | { readonly do: 'write'; readonly at: number; readonly flag: boolean }
  | { readonly do: 'sync'; readonly at: number; readonly flag: boolean }
  | { readonly do: 'backUp' }
  | { readonly do: 'restore' };

function run(model: Model, steps: readonly Event[]): void {
  for (const each of steps) {
    if (each.do === 'backUp') model.backUp();
    else if (each.do === 'restore') model.restore();
    else if (each.do === 'write') model.write(each.at, each.flag);
    else model.sync(each.at, each.flag);
  }
  model.settle();
}

describe('a file on three nodes', () => {
  it('becomes the same everywhere, and no content is lost that was not replaced, in any order of events', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const model = new Model();
        run(model, steps);
        expect(new Set(model.contents).size).toBe(1);
        for (const content of model.all) {
          const isSafe =
            model.contents[0] === content || model.kept.has(content) || model.replaced.has(content);
          // A removal that another node has seen removes the content as well.
          const isRemoved = steps.some((each) => each.do === 'write' && each.flag);
          expect(isSafe || isRemoved, content).toBe(true);
        }
      }),
      { numRuns: 3_000 },
    );
  });

  it('becomes the same everywhere after backups of the database were restored', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(step, outage), { maxLength: 40 }), (steps) => {
        const model = new Model();
        run(model, steps);
        expect(new Set(model.contents).size).toBe(1);
      }),
      { numRuns: 3_000 },
    );
  });
});
