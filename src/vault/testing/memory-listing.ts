import type { ListedObject, ListPage, ListRequest } from '../../model/object-store.js';

/** Returns one page of a listing like S3, from all objects of the bucket. */
export function listPage(all: readonly ListedObject[], request: ListRequest): ListPage {
  const { prefix, delimiter, maxKeys } = request;
  const after = Buffer.from(request.continuation ?? request.startAfter ?? '');
  const limit = Math.min(1000, maxKeys ?? 1000);
  const objects: ListedObject[] = [];
  const prefixes: string[] = [];
  let last = '';
  for (const object of [...all].sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)))) {
    if (!object.key.startsWith(prefix)) continue;
    const cut = delimiter === null ? -1 : object.key.indexOf(delimiter, prefix.length);
    const name = cut < 0 ? object.key : object.key.slice(0, cut + 1);
    if (Buffer.compare(Buffer.from(name), after) <= 0 || name === last) continue;
    if (objects.length + prefixes.length === limit) return { objects, prefixes, continuation: last };
    last = name;
    if (cut < 0) objects.push(object);
    else prefixes.push(name);
  }
  return { objects, prefixes, continuation: null };
}
