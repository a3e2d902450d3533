import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MirrorWorld } from '../../src/mirror/testing/mirror-world.js';
import { content } from '../../src/vault/testing/vault-world.js';

const mebibyte = 1024 * 1024;

/** A file system of a few MiB, where this machine lets a test mount one. */
function mountSmall(directory: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', directory], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const probe = mkdtempSync(join(tmpdir(), 'mirror-mount-'));
const canMount = mountSmall(probe);
if (canMount) execFileSync('umount', [probe]);
rmSync(probe, { recursive: true });

describe.skipIf(!canMount)('a full disk', () => {
  let mount: string;
  let world: MirrorWorld;

  beforeEach(() => {
    mount = mkdtempSync(join(tmpdir(), 'mirror-full-'));
    mountSmall(mount);
    world = new MirrorWorld({ directory: join(mount, 'downloads') });
  });
  afterEach(async () => {
    await world[Symbol.asyncDispose]();
    execFileSync('umount', [mount]);
    rmSync(mount, { recursive: true });
  });

  const free = () => {
    const { bavail, bsize } = statfsSync(mount);
    return bavail * bsize;
  };

  it('is not filled beyond the reserve; what fits is there, the rest comes when there is room', async () => {
    world.settings = { reserveBytes: 2 * mebibyte };
    for (let i = 0; i < 5; i += 1) await world.put(`f${i}`, content(1.5 * mebibyte, `f${i}`));
    await world.put('small', 'x');
    expect(await world.run()).toMatchObject({ result: 'problems', fetched: 4 });
    expect(free()).toBeGreaterThanOrEqual(2 * mebibyte);
    const [status] = await (await world.mirror()).status();
    expect(status?.problems).toMatchObject([{ kind: 'no-room' }, { kind: 'no-room' }]);
    // They are of one size: which of them found room is a matter of the moment.
    const there = readdirSync(join(mount, 'downloads')).filter((name) => name !== 'small');
    const gone = there.slice(0, 2);
    for (const name of gone) await world.remove(name);
    expect(await world.run()).toMatchObject({ result: 'complete', fetched: 2, deleted: 2 });
    const left = ['f0', 'f1', 'f2', 'f3', 'f4'].filter((name) => !gone.includes(name));
    for (const name of left) {
      expect(readFileSync(join(mount, 'downloads', name)).equals(content(1.5 * mebibyte, name))).toBe(true);
    }
  });

  it('that fills up under a file being written leaves nothing of it, and the old version in place', async () => {
    const old = content(500_000, 'old');
    await world.put('replaced', old);
    await world.run();
    await world.put('replaced', content(3 * mebibyte, 'new'));
    await world.put('small', 'goes on');
    mkdirSync(join(mount, 'others'));
    world.memory.hooks.beforeBytes = (position) => {
      if (position !== 2 * mebibyte) return;
      try {
        for (let i = 0; ; i += 1) writeFileSync(join(mount, 'others', `${i}`), content(mebibyte));
      } catch {
        // Full.
      }
    };
    expect(await world.run()).toMatchObject({ result: 'problems' });
    expect(readFileSync(join(mount, 'downloads', 'replaced')).equals(old)).toBe(true);
    expect(await world.stagedNames()).toEqual([]);
    world.memory.hooks.beforeBytes = () => undefined;
    rmSync(join(mount, 'others'), { recursive: true });
    expect(await world.run()).toMatchObject({ result: 'complete' });
    expect(readFileSync(join(mount, 'downloads', 'small'), 'utf8')).toBe('goes on');
    expect(readFileSync(join(mount, 'downloads', 'replaced')).byteLength).toBe(3 * mebibyte);
  });
});
