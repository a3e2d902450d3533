import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Session, World } from './testing/world.js';

let world: World;
let bob: Session;

beforeEach(async () => {
  world = await World.make();
  world.change({ downloads: true, shared: true });
  bob = await world.login();
});
afterEach(() => world[Symbol.asyncDispose]());

describe.each(['downloads', 'shared'])('/%s', (name) => {
  it('is empty while its directory does not exist', async () => {
    expect(await bob.list(`/${name}`)).toEqual([]);
    expect(await bob.stat(`/${name}`)).toMatchObject({ type: 'directory', mode: 0o555 });
    expect(await bob.stat(`/${name}/f`)).toBeNull();
    await expect(bob.list(`/${name}/d`)).rejects.toMatchObject({ kind: 'not-found' });
  });

  it('shows its files read-only', async () => {
    await mkdir(`${world.directory}/${name}/d`, { recursive: true });
    await writeFile(`${world.directory}/${name}/d/f`, 'content');
    expect(await bob.list(`/${name}`)).toEqual(['d/']);
    expect(await bob.read(`/${name}/d/f`)).toBe('content');
    expect(await bob.stat(`/${name}/d/f`)).toMatchObject({ type: 'file', mode: 0o444, size: 7 });
  });

  it('refuses every change, and names the writable directories', async () => {
    await mkdir(`${world.directory}/${name}`);
    await writeFile(`${world.directory}/${name}/f`, 'content');
    const path = `/${name}/f`;
    for (const attempt of [
      bob.write(path, 'x'),
      bob.mkdir(`/${name}/d`),
      bob.rmdir(path),
      bob.remove(path),
      bob.rename(path, `/${name}/g`),
      bob.tree.setAttributes(world.call, path, { mode: 0o777 }),
      bob.tree.setAttributes(world.call, `/${name}`, { mode: 0o777 }),
      bob.tree.makeSymlink(world.call, `/${name}/l`, path),
    ])
      await expect(attempt).rejects.toMatchObject({
        kind: 'denied',
        hint: `/${name} can only be read: write under /uploads or /local`,
      });
  });

  it('follows links inside, but not to the outside', async () => {
    await mkdir(`${world.directory}/${name}`);
    await writeFile(`${world.directory}/${name}/f`, 'content');
    await writeFile(`${world.directory}/secret`, 'secret');
    await symlink('f', `${world.directory}/${name}/in`);
    await symlink('../secret', `${world.directory}/${name}/out`);
    expect(await bob.read(`/${name}/in`)).toBe('content');
    await expect(bob.read(`/${name}/out`)).rejects.toMatchObject({ kind: 'denied' });
  });
});
