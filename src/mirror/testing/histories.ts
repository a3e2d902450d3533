import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect } from 'vitest';
import { Fault } from '../../model/fault.js';
import { keyNamed } from '../../vault/testing/vault-world.js';
import { type Encryption, MirrorWorld } from './mirror-world.js';
import type { PagedObjects } from './paged-store.js';

const alice = keyNamed('alice');
const bob = keyNamed('bob');
const encryptions: readonly Encryption[] = [alice, bob, 'plain'];

const paths = ['a', 'a/b', 'a-', 'd/x', 'd/y', 'd/e/z', 'd/', 'big', 'é', '../up'];

type Step =
  | { readonly do: 'put'; readonly path: string; readonly under: number; readonly bytes: number }
  | { readonly do: 'remove'; readonly path: string }
  | { readonly do: 'pass'; readonly failAt: number | null }
  | { readonly do: 'notify'; readonly path: string }
  | { readonly do: 'keys'; readonly has: number }
  | { readonly do: 'restart' }
  | { readonly do: 'crash'; readonly at: number };

const path = fc.constantFrom(...paths);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('put' as const),
      path,
      under: fc.nat(2),
      bytes: fc.constantFrom(0, 10, 5_000, 70_000),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('remove' as const), path }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('pass' as const),
      failAt: fc.option(fc.integer({ min: 1, max: 4 })),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('notify' as const), path }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('keys' as const), has: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('crash' as const), at: fc.integer({ min: 1, max: 12 }) }),
  },
);

/** Returns content in which every byte depends on name, version and size. */
function sealed(name: string, version: number, bytes: number): Buffer {
  const head = `${name} ${version} ${bytes}\n`;
  const body = createHash('shake256', { outputLength: Math.max(1, bytes) })
    .update(head)
    .digest()
    .subarray(0, bytes);
  return Buffer.concat([Buffer.from(head), body]);
}

function isWhole(name: string, content: Buffer): boolean {
  if (name.endsWith('/')) return content.byteLength === 0;
  const head = content.subarray(0, content.indexOf('\n')).toString().split(' ');
  return content.equals(sealed(name, Number(head[1]), Number(head[2])));
}

/**
 * Opens files repeatedly, keeps some open for a while, and checks that everything it reads is one version of
 * the object.
 */
class Reader {
  torn: string[] = [];
  opened = 0;
  #stopped = false;
  readonly #running: Promise<void>;

  constructor(directory: string) {
    this.#running = this.#run(directory);
  }

  async #run(directory: string): Promise<void> {
    for (let turn = 0; !this.#stopped; turn += 1) {
      const name = paths[turn % paths.length] ?? '';
      const file: FileHandle | null = await open(join(directory, name), 'r').catch(() => null);
      if (file === null) continue;
      try {
        const stats = await file.stat();
        if (!stats.isFile()) continue;
        this.opened += 1;
        const half = Buffer.alloc(Math.ceil(stats.size / 2));
        await file.read(half, 0, half.byteLength, 0);
        await new Promise((resume) => setImmediate(resume));
        const whole = await file.readFile();
        if (!isWhole(name, Buffer.concat([half.subarray(0, stats.size - whole.byteLength), whole])))
          this.torn.push(name);
      } finally {
        await file.close();
      }
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }
}

/** Returns the files that the objects should become, by path, computed in a simple way. */
function wanted(objects: ReadonlyMap<string, Buffer>): Record<string, string | null> {
  const tree: Record<string, string | null> = {};
  for (const name of objects.keys()) {
    if (name.startsWith('..')) continue;
    for (let slash = name.indexOf('/'); slash !== -1; slash = name.indexOf('/', slash + 1)) {
      tree[name.slice(0, slash + 1)] = null;
    }
  }
  for (const [name, bytes] of objects) {
    if (name.startsWith('..') || name.endsWith('/') || `${name}/` in tree) continue;
    tree[name] = bytes.toString('utf8');
  }
  return Object.fromEntries(Object.entries(tree).sort());
}

class Run {
  readonly world: MirrorWorld;
  readonly objects = new Map<string, Buffer>();
  #version = 0;

  constructor(s3: RealS3 | null) {
    this.world = new MirrorWorld({ pageKeys: 2, ...(s3 === null ? {} : { s3 }) });
    this.world.settings = {
      reserveBytes: 0,
      rangeBytes: 20_000,
      parallelRanges: 3,
      emptyBelievedFiles: 3,
      busyIntervalMs: 1,
    };
  }

  async take(step: Step): Promise<void> {
    switch (step.do) {
      case 'put':
        return this.#put(step.path, step.under, step.bytes);
      case 'remove':
        this.objects.delete(step.path);
        return this.world.remove(step.path);
      case 'pass':
        return this.#pass(step.failAt);
      case 'notify':
        // The runner exists after the first pass.
        (await this.world.mirror()).keyChanged(this.world.bucket, this.world.prefix + step.path);
        return;
      case 'keys':
        this.world.keys = [alice, bob].filter((_, index) => ((step.has >> index) & 1) === 1);
        return;
      case 'restart':
        return this.world.restart();
      case 'crash':
        return this.#crash(step.at);
    }
  }

  async #put(name: string, under: number, bytes: number): Promise<void> {
    this.#version += 1;
    const content = name.endsWith('/') ? Buffer.alloc(0) : sealed(name, this.#version, bytes);
    this.objects.set(name, content);
    await this.world.put(name, content, encryptions[under]);
  }

  async #pass(failAt: number | null): Promise<void> {
    let pages = 0;
    this.world.store.beforePage = () => {
      pages += 1;
      if (pages === failAt) throw new Fault('unavailable', 'S3 is unavailable');
    };
    await this.world.run();
    this.world.store.beforePage = () => undefined;
  }

  async #crash(at: number): Promise<void> {
    let count = 0;
    const reached = new Promise<void>((resolve) => {
      this.world.checkpoint = async () => {
        count += 1;
        if (count < at) return;
        resolve();
        await new Promise(() => undefined);
      };
    });
    await Promise.race([this.world.run(), reached]);
    if (count >= at) await this.world.crash();
    this.world.checkpoint = async () => undefined;
  }

  /** With all keys, a working listing and enough time, expects the directory to match S3. */
  async converge(): Promise<void> {
    this.world.keys = [alice, bob];
    for (let round = 0; round < 4; round += 1) {
      this.world.pass(3_600_000);
      await this.world.run();
    }
    expect(await this.world.onDisk()).toEqual(wanted(this.objects));
    this.world.takeReads();
    await this.world.run();
    expect(this.world.takeReads()).toBe(0);
  }
}

/** A real bucket for the histories, empty before and after each. */
export interface RealS3 {
  readonly store: PagedObjects;
  readonly bucket: string;
}

/**
 * Runs random histories, each from an empty state: writes, overwrites, removals, passes with a failing
 * listing, events, keys that come and go, restarts and crashes. After each, expects the directory to match S3
 * and nothing to be fetched twice, while a reader looks for torn files. Returns how many files the reader
 * opened.
 */
export async function checkHistories(runs: number, s3: RealS3 | null): Promise<number> {
  let opened = 0;
  const history = fc.array(step, { minLength: 5, maxLength: 30 });
  const check = async (steps: readonly Step[]): Promise<void> => {
    const run = new Run(s3);
    await using _world = run.world;
    await run.world.run();
    const reader = new Reader(run.world.directory);
    try {
      for (const one of steps) await run.take(one);
      await run.converge();
    } finally {
      await reader.stop();
      for (const name of run.objects.keys()) await run.world.remove(name);
    }
    opened += reader.opened;
    expect(reader.torn).toEqual([]);
  };
  await fc.assert(fc.asyncProperty(history, check), { numRuns: runs, endOnFailure: true });
  return opened;
}
