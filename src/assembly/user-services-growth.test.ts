import { mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { StoreRoutes } from '../s3/routing/store-routes.js';
import { testKeys } from '../users/testing/test-keys.js';
import { createUsers } from '../users/user-directory.js';
import { createUserRegistry } from '../users/user-registry.js';
import { call } from '../vault/testing/vault-world.js';
import { LiveSettings } from './live-settings.js';
import { createUserRoutes } from './user-routes.js';
import { buildUserServices } from './user-services.js';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'user-services-'));
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(root, { recursive: true });
});

it.each([3, 30])('reads the settings of each of %i users once at the start', async (count) => {
  for (let index = 0; index < count; index += 1) {
    const directory = join(root, 'home', `user${index}`, '.sftpgateway');
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, 'user.properties'), 'downloads=yes\n');
  }
  // Files that changed within the last 2.5 s are read each time.
  const now = Date.now();
  vi.spyOn(Date, 'now').mockReturnValue(now + 60_000);
  const settings = await LiveSettings.open(root, true);
  const services = buildUserServices(settings, testKeys(root, call().log).keyring as never, call().log);
  const { directory } = createUsers(services);
  const routes = new StoreRoutes(() => 'bucket');
  const probe = await open(join(root, 'home/user0/.sftpgateway/user.properties'));
  const reads = vi.spyOn(Object.getPrototypeOf(probe) as typeof probe, 'read');
  await probe.close();
  await createUserRoutes(directory, services.directories, routes, () => 'bucket').refresh(call());
  expect(await createUserRegistry(services).locations()).toHaveLength(count);
  expect(reads).toHaveBeenCalledTimes(count);
});
