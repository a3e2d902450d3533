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

/** Mounts a file system of 8 MiB, if this machine allows a test to do that. */
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

  it('is not filled beyond the reserve; objects that fit are mirrored, the rest once space is free', async () => {
    world.settings = { reserveBytes: 2 * mebibyte };
    for (let i = 0; i < 5; i += 1) await world.put(`f${i}`, content(1.5 * mebibyte, `f${i}`));
    await world.put('small', 'x');
    expect(await world.run()).toMatchObject({ result: 'problems', fetched: 4 });
    expect(free()).toBeGreaterThanOrEqual(2 * mebibyte);
    const [status] = await (await world.mirror()).status();
    expect(status?.problems).toMatchObject([{ kind: 'no-room' }, { kind: 'no-room' }]);
    // All have the same size, so any of them may have fit.
    const there = readdirSync(join(mount, 'downloads')).filter((name) => name !== 'small');
    const gone = there.slice(0, 2);
    for (const name of gone) await world.remove(name);
    expect(await world.run()).toMatchObject({ result: 'complete', fetched: 2, deleted: 2 });
    const left = ['f0', 'f1', 'f2', 'f3', 'f4'].filter((name) => !gone.includes(name));
    for (const name of left) {
      expect(readFileSync(join(mount, 'downloads', name)).equals(content(1.5 * mebibyte, name))).toBe(true);
    }
  });

  it('during a write leaves no part of the new file and keeps the old version', async () => {
    const old = content(500_000, 'old');
    await world.put('replaced', old);
    await world.run();
    await world.put('replaced', content(3 * mebibyte, 'new'));
    await world.put('small', 'continues');
    mkdirSync(join(mount, 'others'));
    world.memory.hooks.beforeBytes = (position) => {
      if (position !== 2 * mebibyte) return;
      try {
        for (let i = 0; ; i += 1) writeFileSync(join(mount, 'others', `${i}`), content(mebibyte));
      } catch {
        // The disk is full.
      }
    };
    expect(await world.run()).toMatchObject({ result: 'problems' });
    expect(readFileSync(join(mount, 'downloads', 'replaced')).equals(old)).toBe(true);
    expect(await world.stagedNames()).toEqual([]);
    world.memory.hooks.beforeBytes = () => undefined;
    rmSync(join(mount, 'others'), { recursive: true });
    expect(await world.run()).toMatchObject({ result: 'complete' });
    expect(readFileSync(join(mount, 'downloads', 'small'), 'utf8')).toBe('continues');
    expect(readFileSync(join(mount, 'downloads', 'replaced')).byteLength).toBe(3 * mebibyte);
  });
});
