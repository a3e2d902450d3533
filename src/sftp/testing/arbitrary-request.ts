import fc from 'fast-check';
import type { Request, WireAttributes } from '../wire/requests.js';

const id = fc.integer({ min: 0, max: 0xffffffff });
const path = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 40 }).map((text) => new Uint8Array(Buffer.from(text))),
  fc.uint8Array({ maxLength: 40 }),
);
const handle = fc.uint8Array({ minLength: 8, maxLength: 8 });
const size = fc.maxSafeNat();

const attributes: fc.Arbitrary<WireAttributes> = fc
  .record({
    size: fc.option(size, { nil: undefined }),
    owner: fc.option(fc.tuple(id, id), { nil: undefined }),
    permissions: fc.option(id, { nil: undefined }),
    times: fc.option(fc.tuple(id, id), { nil: undefined }),
  })
  .map(({ size, owner, permissions, times }) => ({
    ...(size !== undefined && { size }),
    ...(owner !== undefined && { uid: owner[0], gid: owner[1] }),
    ...(permissions !== undefined && { permissions }),
    ...(times !== undefined && { atimeSeconds: times[0], mtimeSeconds: times[1] }),
  }));

function typed<T extends string>(...types: T[]): fc.Arbitrary<T> {
  return fc.constantFrom(...types);
}

/** Generates every valid request. */
export const arbitraryRequest: fc.Arbitrary<Exclude<Request, { readonly type: 'unknown' | 'malformed' }>> =
  fc.oneof(
    fc.record({ type: fc.constant('init' as const), version: id }),
    fc.record({ type: fc.constant('open' as const), id, path, flags: id, attributes }),
    fc.record({ type: typed('close', 'fstat', 'readdir', 'fsync', 'fstatvfs'), id, handle }),
    fc.record({ type: fc.constant('read' as const), id, handle, offset: size, length: id }),
    fc
      .record({ id, handle, offset: size, data: fc.uint8Array({ maxLength: 200 }) })
      .map(({ data, ...rest }) => ({
        type: 'write' as const,
        ...rest,
        chunks: data.byteLength === 0 ? [] : [data],
        byteLength: data.byteLength,
      })),
    fc.record({
      type: typed(
        'lstat',
        'stat',
        'opendir',
        'remove',
        'rmdir',
        'realpath',
        'readlink',
        'statvfs',
        'expand-path',
      ),
      id,
      path,
    }),
    fc.record({ type: typed('setstat', 'mkdir', 'lsetstat'), id, path, attributes }),
    fc.record({ type: fc.constant('fsetstat' as const), id, handle, attributes }),
    fc.record({ type: typed('rename', 'posix-rename', 'hardlink'), id, from: path, to: path }),
    fc.record({ type: fc.constant('symlink' as const), id, first: path, second: path }),
    fc.record({ type: fc.constant('limits' as const), id }),
    fc.record({ type: fc.constant('home-directory' as const), id, username: path }),
    fc.record({
      type: fc.constant('users-groups-by-id' as const),
      id,
      uids: fc.array(id, { maxLength: 5 }),
      gids: fc.array(id, { maxLength: 5 }),
    }),
    fc.record({
      type: fc.constant('copy-data' as const),
      id,
      from: handle,
      fromOffset: size,
      length: size,
      to: handle,
      toOffset: size,
    }),
  );
