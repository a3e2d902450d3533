import { describe, expect, it } from 'vitest';
import { Fault } from '../../model/fault.js';
import { type Session, secondKey, World } from '../testing/world.js';

/*
 * Another client writes before each step of a rename, of its rollback and of the removals at its end. Its file
 * must be there afterwards, under the old or the new name.
 */

const inside = 'bob/uploads/';

interface Scenario {
  readonly name: string;
  readonly prepare: (world: World) => void;
  readonly run: (session: Session) => Promise<void>;
  /** Old and new name of each file that the other client may write to. */
  readonly names: readonly (readonly [string, string])[];
}

function putTree({ s3 }: World): void {
  s3.put(`${inside}d/`, '');
  for (const name of ['a', 'b', 'c']) s3.put(`${inside}d/${name}`, `ours ${name}`);
}

const treeNames = ['a', 'b', 'c'].map((name) => [`d/${name}`, `e/${name}`] as const);
const renameTree = (session: Session) => session.rename('/uploads/d', '/uploads/e');

const scenarios: readonly Scenario[] = [
  { name: 'a rename of a directory', prepare: putTree, run: renameTree, names: treeNames },
  {
    name: 'a rename of a directory that is rolled back',
    prepare: (world) => {
      putTree(world);
      world.s3.put(`${inside}d/c`, 'sealed', { kind: 'sse-c', key: secondKey });
    },
    run: renameTree,
    names: treeNames,
  },
  {
    name: 'a rename of a file',
    prepare: ({ s3 }) => void s3.put(`${inside}f`, 'ours'),
    run: (session) => session.rename('/uploads/f', '/uploads/g'),
    names: [['f', 'g']],
  },
];

/** Calls `before` before each request of the vault and each listing. */
function watch(world: World, before: () => void): void {
  const { vault, s3 } = world;
  const [copy, move, remove, list] = [vault.copy, vault.move, vault.remove, s3.list];
  vault.copy = async (...given) => {
    before();
    return copy.apply(vault, given);
  };
  vault.move = async (...given) => {
    before();
    return move.apply(vault, given);
  };
  vault.remove = async (...given) => {
    before();
    return remove.apply(vault, given);
  };
  s3.list = async (...given) => {
    before();
    return list.apply(s3, given);
  };
}

/** Runs a scenario in which another client writes to `name` before the step of this number. */
async function disturbed(
  scenario: Scenario,
  name: string,
  step: number,
): Promise<{ readonly isOver: boolean; readonly contents: readonly string[] }> {
  const world = await World.make();
  await using _ = world;
  const session = await world.login();
  scenario.prepare(world);
  let steps = 0;
  watch(world, () => {
    if (steps === step) world.s3.put(inside + name, 'theirs');
    steps += 1;
  });
  await scenario.run(session).catch((error: unknown) => {
    if (!(error instanceof Fault)) throw error;
  });
  const contents = [...world.s3.objects].map(([key, { bytes }]) => `${key} ${Buffer.from(bytes)}`);
  return { isOver: steps <= step, contents };
}

describe('another client’s file is kept', () => {
  it.each(scenarios)('by $name', async (scenario) => {
    for (const [from, to] of scenario.names) {
      for (const written of [from, to]) {
        for (let step = 0; ; step += 1) {
          const { isOver, contents } = await disturbed(scenario, written, step);
          if (isOver) break;
          const kept = [from, to].some((name) => contents.includes(`${inside}${name} theirs`));
          expect(kept, `${written}, before step ${step}: ${contents.join(', ')}`).toBe(true);
        }
      }
    }
  });

  it.each(scenarios)('and ours too, unless it was replaced, by $name', async (scenario) => {
    for (const [from] of scenario.names) {
      for (let step = 0; ; step += 1) {
        const { isOver, contents } = await disturbed(scenario, 'elsewhere', step);
        if (isOver) break;
        expect(
          contents.some((content) => content.startsWith(inside + from) || content.includes('ours')),
        ).toBe(true);
      }
    }
  });
});
