import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Call, Logger } from '../model/call.js';
import { Fault, type UserPlace } from '../model/fault.js';
import type { Mount } from './mount.js';
import { NamedMount } from './named-mount.js';

const log: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
const call: Call = { id: 'request-1', signal: new AbortController().signal, log };
const bucket = 'example-bucket';
const places: readonly UserPlace[] = [
  { bucket, prefix: 'bob/uploads/', point: '/uploads' },
  { bucket, prefix: 'bob/downloads/', point: '/downloads' },
];
const key = 'bob/uploads/private/report.txt';
const hidden = /example-bucket|bob\/uploads/;

/** Returns the texts in the sources below a folder that have a key or a bucket in them, filled in. */
function textsWithNames(folder: string): readonly string[] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.ts') && !/test|testing/.test(name),
  );
  return files.flatMap((name) =>
    [...readFileSync(join(folder, name), 'utf8').matchAll(/`((?:[^`\\]|\\.)*)`/g)]
      .map(([, text = '']) => text)
      .filter((text) => /\$\{[^}]*(?:[kK]ey|[bB]ucket)\}/.test(text) && text.includes(' '))
      .map((text) => text.replace(/\$\{[^}]*[kK]ey\}/g, key).replace(/\$\{[^}]*[bB]ucket\}/g, bucket)),
  );
}

/** Returns a mount whose every method throws the fault, and gives handles that do. */
function failing(fault: Fault, givesHandles: boolean): Mount {
  const fail = async () => {
    throw fault;
  };
  const handle = new Proxy({}, { get: (_, name) => (name === 'then' ? undefined : fail) });
  return new Proxy({} as Mount, {
    get(_, name) {
      if (name === 'point') return '/uploads';
      if (name === 'isWritable') return true;
      if (name === 'list') return () => ({ [Symbol.asyncIterator]: () => ({ next: fail }) });
      return givesHandles && (name === 'openRead' || name === 'openWrite') ? async () => handle : fail;
    },
  });
}

async function faultOf(work: () => unknown): Promise<Fault> {
  const error = await (async () => work())().then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof Fault)) throw error ?? new Error('no fault');
  return error;
}

describe('a fault that a user sees', () => {
  it.each(['vault', 's3'])('of src/%s has neither bucket nor prefix, whatever its text', async (folder) => {
    const texts = textsWithNames(join(import.meta.dirname, '..', folder));
    expect(texts.length).toBeGreaterThan(12);
    for (const text of texts) {
      const fault = new Fault('conflict', text).seenAt(places);
      expect(fault.hint).toBe(text);
      expect(fault.userHint, text).not.toMatch(hidden);
    }
  });

  it('names the object by the path of the user', () => {
    const shown = (text: string) => new Fault('conflict', text).seenAt(places).userHint;
    expect(shown(`the object ${key} was replaced while it was read`)).toBe(
      'the object /uploads/private/report.txt was replaced while it was read',
    );
    expect(shown(`"${key}" in bucket "${bucket}" is gone`)).toBe(
      '"/uploads/private/report.txt" in the bucket is gone',
    );
    expect(shown(`s3://${bucket}/bob/downloads/x, ${bucket}/${key} and ${bucket}`)).toBe(
      '/downloads/x, /uploads/private/report.txt and [bucket]',
    );
  });

  it('keeps paths that the user knows, although they look like the bucket', () => {
    const own: UserPlace = { bucket: 'uploads', prefix: 'private/', point: '/uploads' };
    const text = 'cannot extend "/uploads/private/uploads": the object private/a is gone';
    expect(new Fault('conflict', text).seenAt([own]).userHint).toBe(
      'cannot extend "/uploads/private/uploads": the object /uploads/a is gone',
    );
  });

  it('hides names at every method of a mount and of its handles', async () => {
    const fault = new Fault('conflict', `the object ${key} in bucket "${bucket}" was replaced`);
    const mount = new NamedMount(failing(fault, false), places);
    const methods = Object.getOwnPropertyNames(NamedMount.prototype).filter((name) => name !== 'constructor');
    const call_ = (target: object, name: string | symbol) => {
      const result: unknown = Reflect.apply(Reflect.get(target, name), target, [call, '/a', '/b', true]);
      return result !== null && typeof result === 'object' && 'next' in result
        ? (result as AsyncGenerator).next()
        : result;
    };
    for (const name of methods) {
      expect((await faultOf(() => call_(mount, name))).userHint, name).not.toMatch(hidden);
    }
    const handles = new NamedMount(failing(fault, true), places);
    const written = await handles.openWrite(call, '/a', {} as never);
    const read = await handles.openRead(call, '/a');
    for (const name of ['read', 'write', 'setAttributes', 'sync', 'commit', Symbol.asyncDispose]) {
      expect((await faultOf(() => call_(written, name))).userHint).not.toMatch(hidden);
    }
    for (const name of ['read', Symbol.asyncDispose]) {
      expect((await faultOf(() => call_(read, name))).userHint).not.toMatch(hidden);
    }
  });
});
