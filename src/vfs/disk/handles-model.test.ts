import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fault } from '../../model/fault.js';
import type { WriteHandle } from '../../model/vfs.js';
import { type Session, World } from '../testing/world.js';

/** The content of a file, which all its names and handles share. */
interface Inode {
  content: string;
}

interface Opened {
  readonly real: WriteHandle;
  readonly inode: Inode;
  readonly append: boolean;
}

type Step = { readonly client: 0 | 1; readonly slot: 0 | 1 } & (
  | { readonly do: 'open'; readonly name: string; readonly truncate: boolean; readonly append: boolean }
  | { readonly do: 'write'; readonly pieces: readonly { readonly offset: number; readonly text: string }[] }
  | { readonly do: 'read'; readonly offset: number; readonly length: number }
  | { readonly do: 'size'; readonly size: number }
  | { readonly do: 'close' | 'disconnect' }
  | { readonly do: 'link' | 'rename'; readonly name: string; readonly to: string }
  | { readonly do: 'remove'; readonly name: string }
);

const who = {
  client: fc.constantFrom(0 as const, 1 as const),
  slot: fc.constantFrom(0 as const, 1 as const),
};
const name = fc.constantFrom('a', 'b', 'c');
const size = fc.constantFrom(0, 1, 4, 9, 30);
const piece = fc.record({ offset: size, text: fc.constantFrom('x', 'four', 'some content') });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      ...who,
      do: fc.constant('open' as const),
      name,
      truncate: fc.boolean(),
      append: fc.boolean(),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      ...who,
      do: fc.constant('write' as const),
      pieces: fc.array(piece, { minLength: 1, maxLength: 5 }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ ...who, do: fc.constant('read' as const), offset: size, length: size }),
  },
  { weight: 2, arbitrary: fc.record({ ...who, do: fc.constant('size' as const), size }) },
  {
    weight: 3,
    arbitrary: fc.record({ ...who, do: fc.constantFrom('close' as const, 'disconnect' as const) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ ...who, do: fc.constantFrom('link' as const, 'rename' as const), name, to: name }),
  },
  { weight: 1, arbitrary: fc.record({ ...who, do: fc.constant('remove' as const), name }) },
);

const silence = () => undefined;
const log = { debug: silence, info: silence, warn: silence, error: silence, child: () => log };
const call = { id: 'c', signal: new AbortController().signal, log };

function change(inode: Inode, at: number, text: string): void {
  const before = inode.content.padEnd(at, '\0');
  inode.content = before.slice(0, at) + text + before.slice(at + text.length);
}

async function onHandle(step: Step, { real, inode, append }: Opened): Promise<void> {
  if (step.do === 'write') {
    // All at once, as a client sends them that does not wait for answers.
    await Promise.all(step.pieces.map(({ offset, text }) => real.write(call, offset, [Buffer.from(text)])));
    for (const { offset, text } of step.pieces) change(inode, append ? inode.content.length : offset, text);
  } else if (step.do === 'size') {
    await real.setAttributes(call, { size: step.size });
    inode.content = inode.content.slice(0, step.size).padEnd(step.size, '\0');
  } else if (step.do === 'read') {
    const views = await real.read(call, step.offset, step.length);
    const expected = inode.content.slice(step.offset, step.offset + step.length);
    expect(Buffer.concat([...(views ?? [])]).toString()).toBe(expected);
  }
  expect((await real.attributes()).size).toBe(inode.content.length);
}

async function onName(session: Session, step: Step, files: Map<string, Inode>): Promise<void> {
  const at = (each: string) => `/local/${each}`;
  if (step.do === 'link') {
    const inode = files.get(step.name);
    const isDone = await accepted(session.tree.makeHardLink(call, at(step.to), at(step.name)));
    expect(isDone).toBe(inode !== undefined && !files.has(step.to));
    if (isDone && inode !== undefined) files.set(step.to, inode);
  } else if (step.do === 'rename') {
    const inode = files.get(step.name);
    expect(await accepted(session.rename(at(step.name), at(step.to), true))).toBe(inode !== undefined);
    // rename(2) of one name of a file to another of its names does nothing.
    if (inode === undefined || files.get(step.to) === inode) return;
    files.delete(step.name);
    files.set(step.to, inode);
  } else if (step.do === 'remove')
    expect(await accepted(session.remove(at(step.name)))).toBe(files.delete(step.name));
}

async function accepted(operation: Promise<unknown>): Promise<boolean> {
  try {
    await operation;
    return true;
  } catch (error) {
    expect(['not-found', 'exists']).toContain(Fault.from(error).kind);
    return false;
  }
}

async function compare(steps: readonly Step[]): Promise<void> {
  await using world = await World.make();
  const sessions = [await world.login(), await world.login()] as const;
  const files = new Map<string, Inode>();
  const open = new Map<string, Opened>();
  for (const step of steps) {
    const session = sessions[step.client];
    const place = `${step.client}${step.slot}`;
    const opened = open.get(place);
    if (step.do === 'open') {
      if (opened !== undefined) continue;
      const { truncate, append } = step;
      const mode = { create: true, exclusive: false, truncate, append, read: true, attributes: {} };
      const real = await session.tree.openWrite(call, `/local/${step.name}`, mode);
      const inode = files.get(step.name) ?? { content: '' };
      if (truncate) inode.content = '';
      files.set(step.name, inode);
      open.set(place, { real, inode, append });
    } else if ('name' in step) await onName(session, step, files);
    else if (opened !== undefined) {
      const ends = step.do === 'close' || step.do === 'disconnect';
      if (!ends) await onHandle(step, opened);
      if (step.do === 'close') await opened.real.commit(call);
      if (ends) {
        await opened.real[Symbol.asyncDispose]();
        open.delete(place);
      }
    }
    for (const [each, { content }] of files) expect(await session.read(`/local/${each}`)).toBe(content);
  }
  for (const { real } of open.values()) await real[Symbol.asyncDispose]();
}

describe('any sequence of operations of two clients on files of /local', () => {
  it('has the results that it has in a file system', async () => {
    const steps = fc.array(step, { minLength: 1, maxLength: 60, size: 'max' });
    await fc.assert(fc.asyncProperty(steps, compare), { numRuns: 60 });
  }, 180_000);
});
