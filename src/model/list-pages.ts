import type { Call } from './call.js';
import type { ListedObject, ListPage, ListRequest, ObjectRef, ObjectStore } from './object-store.js';
import type { ListedVersion, ObjectVersions, VersionPage } from './object-versions.js';

type Lists = Pick<ObjectStore, 'list'>;

/**
 * Returns the object with exactly this key, or null. Unlike HEAD, a listing needs no customer key. It has a
 * delimiter, because policies often deny lists without one (`s3:delimiter`).
 */
export async function findListed(
  store: Lists,
  call: Call,
  { bucket, key }: ObjectRef,
): Promise<ListedObject | null> {
  // The key itself is the first of all keys that begin with it.
  const page = await store.list(call, { bucket, prefix: key, delimiter: '/', maxKeys: 1 });
  return page.objects.find((object) => object.key === key) ?? null;
}

/** Returns all pages of a listing. Each is requested after the one before has been processed. */
export async function* listPages(
  store: Lists,
  call: Call,
  request: Omit<ListRequest, 'continuation'>,
): AsyncGenerator<ListPage> {
  for (let continuation: string | null | undefined; continuation !== null; ) {
    const next = continuation === undefined ? {} : { continuation };
    const page: ListPage = await store.list(call, { ...request, ...next });
    yield page;
    ({ continuation } = page);
  }
}

/** Returns all versions of one object, newest first. */
export async function versionsOf(
  store: ObjectVersions,
  call: Call,
  { bucket, key }: ObjectRef,
): Promise<readonly ListedVersion[]> {
  const versions: ListedVersion[] = [];
  for (let next: VersionPage['next'] | undefined; next !== null; ) {
    const more = next === undefined ? {} : { next };
    const page: VersionPage = await store.listVersions(call, { bucket, prefix: key, ...more });
    versions.push(...page.versions.filter((version) => version.key === key));
    // Keys that only begin with this key are listed after all its versions.
    if (page.versions.some((version) => version.key !== key)) break;
    next = page.next;
  }
  return versions;
}
