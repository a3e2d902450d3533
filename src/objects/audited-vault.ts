import type { AuditScribe, ScribeEvent } from '../audit/scribe.js';
import type { Call } from '../model/call.js';
import { checksumText } from '../model/checksum.js';
import type { WriteEncryption } from '../model/encryption.js';
import type { ObjectRef, ObjectStore } from '../model/object-store.js';
import type { FileWriter, ObjectFetcher, UploadTarget, Vault } from '../vault/vault.js';

/** Returns the vault of the `object` commands, with each object that they read or change recorded. */
export function auditedVault(vault: Vault & ObjectFetcher, scribe: AuditScribe): Vault & ObjectFetcher {
  return {
    openUpload: async (call, target, options) => {
      scribe.recorder.requireWritable();
      return auditedWriter(await vault.openUpload(call, target, options), target, scribe);
    },
    fetch: (call, request, sink) =>
      scribe.change(
        { action: 'object.get', ...objectOf(request.ref) },
        () => vault.fetch(call, request, sink),
        (fetched) => {
          if (fetched === null) return null;
          const { access, checksum, info } = fetched;
          return {
            action: 'object.get',
            ...objectOf(request.ref),
            keyId: access.kind === 'sse-c' ? access.key.fingerprint : null,
            details: { size: info.size, versionId: info.versionId, checksum: checksumText(checksum) },
          };
        },
      ),
    copy: (call, from, to, limit) => {
      const event: ScribeEvent = {
        action: 'object.copy',
        ...objectOf(to.ref),
        keyId: keyOf(to.encryption),
        details: { from: urlOf(from.ref) },
      };
      return scribe.change(
        event,
        () => vault.copy(call, from, to, limit),
        (info) => (info === null ? null : event),
      );
    },
    move: (call, from, keys, to) => {
      const event: ScribeEvent = {
        action: 'object.move',
        ...objectOf(to.ref),
        keyId: keyOf(to.encryption),
        details: { from: urlOf(from) },
      };
      return scribe.change(
        event,
        () => vault.move(call, from, keys, to),
        (moved) => (moved ? event : null),
      );
    },
    remove: (call, ref, actor, ifMatch) =>
      scribe.change({ action: 'object.remove', ...objectOf(ref) }, () =>
        vault.remove(call, ref, actor, ifMatch),
      ),
    abortParked: (call, upload) => vault.abortParked(call, upload),
    describe: (call, ref, keys, versionId) => vault.describe(call, ref, keys, versionId),
    openEdit: (call, target, options) => vault.openEdit(call, target, options),
    completeParked: (call, upload, target) => vault.completeParked(call, upload, target),
    openReader: (call, ref, keys) => vault.openReader(call, ref, keys),
    settlePending: (call, request) => vault.settlePending(call, request),
  };
}

/** Returns a function that removes one version of an object permanently, and records it. */
export function auditedRemoval(store: Pick<ObjectStore, 'remove'>, scribe: AuditScribe) {
  return (call: Call, ref: ObjectRef, versionId: string): Promise<void> =>
    scribe.change({ action: 'object.remove', ...objectOf(ref), details: { versionId } }, () =>
      store.remove(call, ref, { versionId }),
    );
}

function auditedWriter(
  writer: FileWriter,
  { ref, encryption }: UploadTarget,
  scribe: AuditScribe,
): FileWriter {
  const event: ScribeEvent = { action: 'object.put', ...objectOf(ref), keyId: keyOf(encryption) };
  let isRecorded = false;
  return {
    get size() {
      return writer.size;
    },
    write: (offset, chunks) => writer.write(offset, chunks),
    truncate: (size) => writer.truncate(size),
    setMtime: (mtimeSeconds) => writer.setMtime(mtimeSeconds),
    adopt: (call) => writer.adopt(call),
    park: () => writer.park(),
    hold: () => writer.hold(),
    commit: (call) => {
      isRecorded = true;
      return scribe.change(
        event,
        () => writer.commit(call),
        ({ checksum, versionId }) => ({
          ...event,
          details: {
            bytes: writer.size,
            size: writer.size,
            outcome: 'stored',
            versionId,
            checksum: checksum && checksumText(checksum),
          },
        }),
      );
    },
    [Symbol.asyncDispose]: async () => {
      if (!isRecorded) scribe.note({ ...event, result: 'interrupted', details: { bytes: writer.size } });
      isRecorded = true;
      await writer[Symbol.asyncDispose]();
    },
  };
}

function objectOf(ref: ObjectRef) {
  return { target: urlOf(ref), bucket: ref.bucket, objectKey: ref.key };
}

function urlOf({ bucket, key }: ObjectRef): string {
  return `s3://${bucket}/${key}`;
}

function keyOf(encryption: WriteEncryption): string | null {
  return encryption.kind === 'sse-c' ? encryption.key.fingerprint : null;
}
