import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AuditScribe } from '../audit/scribe.js';
import type { AuditEvent } from '../model/audit.js';
import { call, refOf } from '../vault/testing/vault-world.js';
import { auditedRemoval, auditedVault } from './audited-vault.js';
import { copyOrMoveObject } from './copy.js';
import { putStream } from './put.js';
import { removeCurrentObject, removeVersion } from './remove.js';
import type { ObjectServices } from './services.js';
import { annKey, bobKey, ObjectWorld } from './testing/object-world.js';

let world: ObjectWorld;
let services: ObjectServices;
let events: AuditEvent[];

beforeEach(async () => {
  world = await ObjectWorld.open({ versioned: true });
  events = [];
  const scribe = new AuditScribe(
    { requireWritable: () => undefined, record: (event) => void events.push(event) },
    { kind: 'admin', name: 'Ada' },
    {},
    { address: '192.0.2.1', request: 'r1' },
  );
  services = {
    ...world.services,
    vault: auditedVault(world.vault, scribe),
    removeVersion: auditedRemoval(world.store, scribe),
  };
});
afterEach(() => world[Symbol.asyncDispose]());

const silent = { begin: () => undefined, took: () => undefined };
const plan = () => ({ choice: world.choice(), move: false, gatewayFiles: false });
async function* pieces(...texts: readonly string[]) {
  for (const text of texts) yield Buffer.from(text);
}
const put = (key: string) =>
  putStream(services, call(), pieces('one', 'two'), refOf(key), world.choice(), silent);

describe('the trail of the object operations', () => {
  it('has one event for each change, with the person and the request', async () => {
    await put('bob/uploads/a');
    await copyOrMoveObject(services, call(), refOf('bob/uploads/a'), refOf('ann/uploads/b'), plan());
    await copyOrMoveObject(services, call(), refOf('bob/uploads/a'), refOf('ann/uploads/c'), {
      ...plan(),
      move: true,
    });
    await removeCurrentObject(services, call(), refOf('ann/uploads/b'), false);
    expect(events).toMatchObject([
      { action: 'object.put', target: 's3://bucket/bob/uploads/a', keyId: bobKey.fingerprint, result: 'ok' },
      { action: 'object.copy', objectKey: 'ann/uploads/b', keyId: annKey.fingerprint, result: 'ok' },
      { action: 'object.move', objectKey: 'ann/uploads/c', keyId: annKey.fingerprint, result: 'ok' },
      { action: 'object.remove', objectKey: 'ann/uploads/b', result: 'ok' },
    ]);
    for (const event of events) {
      expect(event).toMatchObject({ actor: { name: 'Ada' }, address: '192.0.2.1', request: 'r1' });
    }
  });

  it('has the removal of one version', async () => {
    await put('bob/uploads/a');
    await put('bob/uploads/a');
    const { versions } = await world.store.listVersions(call(), { bucket: 'bucket', prefix: 'bob/' });
    const versionId = versions.at(-1)?.versionId ?? '';
    await removeVersion(services, call(), refOf('bob/uploads/a'), versionId, false);
    expect(events.at(-1)).toMatchObject({
      action: 'object.remove',
      objectKey: 'bob/uploads/a',
      details: { versionId },
    });
  });

  it('has an upload that its client interrupted, and of which nothing is stored', async () => {
    async function* broken() {
      yield Buffer.from('one');
      throw new Error('the client disconnected');
    }
    const upload = putStream(services, call(), broken(), refOf('bob/uploads/a'), world.choice(), silent);
    await expect(upload).rejects.toThrow('the client disconnected');
    expect(events).toMatchObject([
      { action: 'object.put', objectKey: 'bob/uploads/a', result: 'interrupted', details: { bytes: 3 } },
    ]);
  });
});
