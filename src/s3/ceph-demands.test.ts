import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  bodyOf,
  expectBytes,
  faultOf,
  newCall,
  newKey,
  readAll,
  sseC,
  writeOptions,
} from '../../test/conformance/fixtures.js';
import { type S3Target, s3Targets } from '../../test/support/s3-targets.js';
import { systemClock, systemEntropy } from '../assembly/system.js';
import { checksumOf } from '../bytes/running-checksum.js';
import type { CustomerKey } from '../model/customer-key.js';
import type { CopyOptions, ObjectRef } from '../model/object-store.js';
import { beginUpload } from './begin-upload.js';
import { createS3Client } from './client.js';
import { createContext, type S3Context } from './context.js';
import { copyObject } from './copy/copy.js';
import { createS3ObjectStore, type S3ObjectStore } from './object-store.js';

/*
 * Ceph RGW demands more than AWS, and ignores some of what AWS honours. The conformance tests run over a real
 * one; here the embedded server stands in for it, so that the quick tests notice too:
 *  - CompleteMultipartUpload of an upload with a customer key needs the key once more.
 *  - CopyObject ignores conditions on its target, and UploadPartCopy the one on its source.
 */

interface Command {
  readonly commandName: string;
  readonly input: Readonly<Record<string, unknown>>;
}

let target: S3Target;
let store: S3ObjectStore;
let bucket: string;
const clients: (() => void)[] = [];

function options() {
  const { endpoint, caFile, region, credentials } = target;
  return { endpoint, caFile, region, credentials, clock: systemClock, entropy: systemEntropy };
}

beforeAll(async () => {
  const [embedded] = await s3Targets();
  if (embedded === undefined) throw new Error('there is no embedded server');
  target = embedded;
  bucket = await target.makeBucket();
  store = createS3ObjectStore(options());
});
afterAll(async () => {
  for (const dispose of clients) dispose();
  await store[Symbol.asyncDispose]();
  await target.close();
});

/** Uploads that were begun with a customer key. */
const sealedUploads = new Set<string>();

function refuseCompleteWithoutKey({ commandName, input }: Command): void {
  if (commandName !== 'CompleteMultipartUploadCommand' || !sealedUploads.has(String(input['UploadId'])))
    return;
  if (input['SSECustomerKey'] !== undefined && input['SSECustomerAlgorithm'] === 'AES256') return;
  throw Object.assign(new Error('the key is missing'), {
    name: 'InvalidRequest',
    $metadata: { httpStatusCode: 400 },
  });
}

const ignored: Readonly<Record<string, readonly string[]>> = {
  CopyObjectCommand: ['IfMatch', 'IfNoneMatch'],
  UploadPartCopyCommand: ['CopySourceIfMatch'],
};

/** Returns the context of a process that speaks to Ceph. `watch` is called before each command. */
function cephContext(watch: (command: Command) => Promise<void> = async () => undefined): S3Context {
  const connection = createS3Client(options());
  clients.push(() => connection.client.destroy());
  connection.client.middlewareStack.add(
    (next, { commandName = '' }) =>
      async (args) => {
        const input: Record<string, unknown> = { ...args.input };
        await watch({ commandName, input });
        refuseCompleteWithoutKey({ commandName, input });
        for (const name of ignored[commandName] ?? []) delete input[name];
        const result = await next({ ...args, input: input as typeof args.input });
        const { UploadId: uploadId } = result.output as { readonly UploadId?: string };
        if (commandName === 'CreateMultipartUploadCommand' && input['SSECustomerKey'] !== undefined)
          sealedUploads.add(uploadId ?? '');
        return result;
      },
    { step: 'initialize' },
  );
  return createContext(connection, options());
}

const newRef = (): ObjectRef => ({ bucket, key: randomBytes(6).toString('hex') });
const put = (ref: ObjectRef, text: string, key: CustomerKey) =>
  store.put(newCall(), ref, bodyOf(text), writeOptions(sseC(key)));
const read = (ref: ObjectRef, key: CustomerKey) => readAll({ store }, ref, sseC(key));

function copyOptions(before: CustomerKey, after: CustomerKey, more: Partial<CopyOptions>): CopyOptions {
  return { ...writeOptions(sseC(after)), sourceAccess: sseC(before), metadataFrom: 'copy', ...more };
}

/** Runs `work` once, right before a command that creates the object. */
function beforeCreating(ref: ObjectRef, work: () => Promise<unknown>) {
  let isDone = false;
  return async ({ commandName, input }: Command): Promise<void> => {
    const creates = ['CopyObjectCommand', 'CompleteMultipartUploadCommand'].includes(commandName);
    if (!creates || input['Key'] !== ref.key || isDone) return;
    isDone = true;
    await work();
  };
}

describe('with a server like Ceph', () => {
  it('an upload in parts sends the customer key with every request', async () => {
    const key = newKey();
    const ref = newRef();
    const upload = await beginUpload(cephContext(), newCall(), ref, writeOptions(sseC(key)));
    const part = await upload.uploadPart(newCall(), 1, bodyOf('content'));
    const checksum = checksumOf(part.checksum.algorithm, Buffer.from('content'));
    await upload.complete(newCall(), [part], { size: 7, checksum });
    expectBytes(await read(ref, key), 'content');
  });

  it('a copy that must not overwrite keeps an object that appears at the last moment', async () => {
    const [before, after, other] = [newKey(), newKey(), newKey()];
    const [from, to] = [newRef(), newRef()];
    await put(from, 'ours', before);
    const context = cephContext(beforeCreating(to, () => put(to, 'theirs', other)));
    const copy = copyObject(context, newCall(), from, to, copyOptions(before, after, { onlyIfAbsent: true }));
    await faultOf(copy, 'exists', 'conflict');
    expectBytes(await read(to, other), 'theirs');
  });

  it('a copy that replaces one object keeps another one that appears at the last moment', async () => {
    const [before, after, other] = [newKey(), newKey(), newKey()];
    const ref = newRef();
    const { etag } = await put(ref, 'ours', before);
    const context = cephContext(beforeCreating(ref, () => put(ref, 'theirs', other)));
    const more = { onlyIfMatches: etag, sourceEtag: etag };
    await faultOf(copyObject(context, newCall(), ref, ref, copyOptions(before, after, more)), 'conflict');
    expectBytes(await read(ref, other), 'theirs');
    expect(context.copyConditions.areHonoured).not.toBe(true);
  });

  it('such copies succeed when nothing interferes', async () => {
    const [before, after] = [newKey(), newKey()];
    const [from, to] = [newRef(), newRef()];
    const { etag } = await put(from, 'ours', before);
    const context = cephContext();
    await copyObject(context, newCall(), from, to, copyOptions(before, after, { onlyIfAbsent: true }));
    expectBytes(await read(to, after), 'ours');
    const more = { onlyIfMatches: etag, sourceEtag: etag };
    await copyObject(context, newCall(), from, from, copyOptions(before, after, more));
    expectBytes(await read(from, after), 'ours');
  });

  it('a part that S3 copies is refused if its source was replaced meanwhile', async () => {
    const [before, key] = [newKey(), newKey()];
    const [from, to] = [newRef(), newRef()];
    const { etag } = await put(from, 'as it was', before);
    const context = cephContext(async ({ commandName }) => {
      if (commandName === 'UploadPartCopyCommand') await put(from, 'replaced!', before);
    });
    await using upload = await beginUpload(context, newCall(), to, writeOptions(sseC(key)));
    const checksum = checksumOf('crc32c', Buffer.from('as it was'));
    const source = { ref: from, access: sseC(before), etag, size: 9, checksum };
    await faultOf(upload.copyPart(newCall(), 1, source), 'conflict', 'corrupt');
  });
});
