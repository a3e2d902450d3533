import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fault } from '../model/fault.js';
import { type Outcome, ReferenceTree } from './testing/reference-tree.js';
import { putMode, type Session, scpMode, World } from './testing/world.js';

/** One operation on the real tree and on the reference. Paths are relative to the mount. */
interface Operation {
  readonly text: string;
  real(session: Session, point: string): Promise<unknown>;
  expected(reference: ReferenceTree): Outcome;
}

// Few names, so that operations meet. Some sort between another name and its directory.
const name = fc.constantFrom('a', 'b', 'a.b');
const depth = fc.constantFrom(1, 1, 1, 2, 2, 3);
const path = depth
  .chain((length) => fc.array(name, { minLength: length, maxLength: length }))
  .map((names) => `/${names.join('/')}`);
const anywhere = fc.oneof(fc.constant(''), path);
const content = fc.constantFrom('', 'x', 'some content', 'some longer content');

const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.tuple(path, content, fc.boolean()).map(([at, text, scp]) => writing(at, text, scp)),
  },
  { weight: 4, arbitrary: path.map((at) => simple('mkdir', at)) },
  { weight: 2, arbitrary: path.map((at) => simple('rmdir', at)) },
  { weight: 3, arbitrary: path.map((at) => simple('remove', at)) },
  { weight: 2, arbitrary: path.map((at) => simple('read', at)) },
  { weight: 3, arbitrary: anywhere.map((at) => simple('list', at)) },
  { weight: 3, arbitrary: anywhere.map(asking) },
  {
    weight: 4,
    arbitrary: fc.tuple(path, path, fc.boolean()).map(([from, to, replace]) => renaming(from, to, replace)),
  },
);

/** Writes like `put`, or like `scp`: without truncation at the open, truncated at the end. */
function writing(at: string, text: string, scp: boolean): Operation {
  return {
    text: `${scp ? 'scp' : 'put'} ${at} ${JSON.stringify(text)}`,
    async real({ tree }, point) {
      const call = { id: 'c', signal: new AbortController().signal, log: silent };
      await using handle = await tree.openWrite(call, point + at, scp ? scpMode : putMode);
      if (text !== '') await handle.write(call, 0, [Buffer.from(text)]);
      if (scp) await handle.setAttributes(call, { size: text.length });
      await handle.commit(call);
    },
    expected: (reference) => reference.write(at, text),
  };
}

function simple(verb: 'mkdir' | 'rmdir' | 'remove' | 'read' | 'list', at: string): Operation {
  return {
    text: `${verb} ${at}`,
    real: (session, point) => session[verb](point + at),
    expected: (reference) => reference[verb](at),
  };
}

function asking(at: string): Operation {
  return {
    text: `stat ${at}`,
    async real(session, point) {
      const found = await session.stat(point + at);
      return found?.type === 'file' ? `file of ${found.size}` : (found?.type ?? null);
    },
    expected: (reference) => reference.stat(at),
  };
}

function renaming(from: string, to: string, replace: boolean): Operation {
  return {
    text: `rename ${from} ${to}${replace ? ' replacing' : ''}`,
    real: (session, point) => session.rename(point + from, point + to, replace),
    expected: (reference) => reference.rename(from, to, replace),
  };
}

const nothing = () => undefined;
const silent = { debug: nothing, info: nothing, warn: nothing, error: nothing, child: () => silent };

async function outcomeOf(attempt: Promise<unknown>): Promise<Outcome> {
  try {
    return { value: await attempt };
  } catch (error) {
    return { fault: Fault.from(error).kind };
  }
}

/** A rename can fail for several reasons at once, and the order of checks is not promised. */
const anyOfRename = [
  'exists',
  'not-empty',
  'is-directory',
  'not-directory',
  'unsupported',
  'invalid',
  'not-found',
];
/** POSIX distinguishes a file in the path from a missing directory; in S3 both are missing names. */
const missing = ['not-found', 'not-directory'];

function agree({ text }: Operation, real: Outcome, expected: Outcome): boolean {
  if ('value' in real || 'value' in expected) return JSON.stringify(real) === JSON.stringify(expected);
  if (real.fault === expected.fault) return true;
  const alike = text.startsWith('rename') ? anyOfRename : missing;
  return alike.includes(real.fault) && alike.includes(expected.fault);
}

async function compare(
  point: string,
  reference: ReferenceTree,
  operations: readonly Operation[],
): Promise<void> {
  await using world = await World.make();
  const session = await world.login();
  const history: string[] = [];
  for (const step of operations) {
    history.push(step.text);
    // Remembered names expire now and then.
    world.nowMs += history.length % 7 === 0 ? 1_000 : 1;
    const real = await outcomeOf(step.real(session, point));
    const expected = step.expected(reference);
    if (!agree(step, real, expected)) expect(real, history.join('\n')).toEqual(expected);
  }
}

const sequence = fc.array(operation, { minLength: 1, maxLength: 120, size: 'max' });

describe('any sequence of operations', () => {
  it.each([
    { point: '/local', numRuns: 60 },
    { point: '/uploads', numRuns: 300 },
  ])('has the same results in $point as in a file system', async ({ point, numRuns }) => {
    await fc.assert(
      fc.asyncProperty(sequence, (operations) => compare(point, new ReferenceTree(), operations)),
      { numRuns },
    );
  });
});
