import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type KeyringWorld, keyringWorld } from '../../src/keyring/testing/keyring-world.js';
import { run, runOk } from '../support/command.js';
import { missing } from '../support/tools.js';

const reason = missing('age', 'age-keygen');
const unowned = { label: '', owner: { kind: 'none' } } as const;

describe.skipIf(reason !== null)(`the age program${reason === null ? '' : ` (${reason})`}`, () => {
  let world: KeyringWorld;
  let directory: string;
  let identity: string;
  beforeEach(async () => {
    world = await keyringWorld();
    directory = await mkdtemp(join(tmpdir(), 'sftpgw-age-'));
    identity = join(directory, 'recovery.txt');
    await runOk('age-keygen', ['-o', identity]);
  });
  afterEach(async () => {
    await world[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  });

  const recipient = async (): Promise<string> => (await runOk('age-keygen', ['-y', identity])).stdout.trim();

  it('opens every key with the recovery identity, and returns the raw 32 bytes', async () => {
    const keyring = world.open();
    const before = await keyring.generate(unowned);
    await keyring.addRecoveryRecipient(await recipient());
    const after = await keyring.generate(unowned);
    for (const { id } of [before, after]) {
      const raw = join(directory, id);
      await runOk('age', ['-d', '-i', identity, '-o', raw, join(world.keys, `${id}.age`)]);
      const key = await keyring.open(id);
      expect(await readFile(raw)).toEqual(Buffer.from(key?.reveal() ?? []));
    }
  });

  it('opens a key with the gateway’s own identity, but not with another one', async () => {
    const { id } = await world.open().generate(unowned);
    const sealed = join(world.keys, `${id}.age`);
    await runOk('age', ['-d', '-i', world.identityFile, '-o', join(directory, 'raw'), sealed]);
    const refused = await run('age', ['-d', '-i', identity, sealed]);
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toMatch(/no identity matched/);
  });

  it('seals a key to the recipients file, and the keyring opens it', async () => {
    const keyring = world.open();
    await keyring.addRecoveryRecipient(await recipient());
    const { id } = await keyring.generate(unowned);
    const raw = join(directory, 'raw');
    await writeFile(raw, (await keyring.open(id))?.reveal() ?? '', { mode: 0o600 });
    const own = (await keyring.gatewayRecipient()) ?? '';
    const recipients = join(world.keys, 'recovery-recipients.txt');
    await runOk('age', ['-r', own, '-R', recipients, '-o', join(directory, 'sealed'), raw]);
    await writeFile(join(world.keys, `${id}.age`), await readFile(join(directory, 'sealed')));
    expect((await world.open().open(id))?.fingerprint).toBe(id);
    expect(await world.open().problems()).toEqual([]);
  });
});
