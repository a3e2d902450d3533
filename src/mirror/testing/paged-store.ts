import type { Call } from '../../model/call.js';
import type { ListPage, ListRequest, ObjectStore } from '../../model/object-store.js';
import type { MemoryStore } from '../../vault/testing/memory-store.js';

/** A store for a few objects: in memory or a real S3. */
export type PagedObjects = ObjectStore & Pick<MemoryStore, 'listUploads' | 'abortUpload' | 'getTags'>;

/** A store whose listings come in small pages. A page shows the objects at the time of its request. */
export class PagedStore implements ObjectStore {
  readonly checksumAlgorithm: ObjectStore['checksumAlgorithm'];
  readonly head: ObjectStore['head'];
  readonly read: ObjectStore['read'];
  readonly put: ObjectStore['put'];
  readonly beginUpload: ObjectStore['beginUpload'];
  readonly resumeUpload: ObjectStore['resumeUpload'];
  readonly copy: ObjectStore['copy'];
  readonly remove: ObjectStore['remove'];
  readonly listUploads: MemoryStore['listUploads'];
  readonly abortUpload: MemoryStore['abortUpload'];
  readonly getTags: MemoryStore['getTags'];
  readonly #store: PagedObjects;
  readonly #pageKeys: number;
  /** Called before a page is created. Its errors become the errors of the listing. */
  beforePage: (page: number) => void | Promise<void> = () => undefined;
  /** Called after a page is created, before it is returned. */
  afterPage: (page: number) => void | Promise<void> = () => undefined;
  /** Number of requests for bytes. */
  reads = 0;
  #pages = 0;

  constructor(store: PagedObjects, pageKeys: number) {
    this.#store = store;
    this.checksumAlgorithm = store.checksumAlgorithm;
    this.#pageKeys = pageKeys;
    this.head = store.head.bind(store);
    this.read = (...asked) => {
      this.reads += 1;
      return store.read(...asked);
    };
    this.put = store.put.bind(store);
    this.beginUpload = store.beginUpload.bind(store);
    this.resumeUpload = store.resumeUpload.bind(store);
    this.copy = store.copy.bind(store);
    this.remove = store.remove.bind(store);
    this.listUploads = store.listUploads.bind(store);
    this.abortUpload = store.abortUpload.bind(store);
    this.getTags = store.getTags.bind(store);
  }

  /** Number of pages requested. */
  get pages(): number {
    return this.#pages;
  }

  async list(call: Call, request: ListRequest): Promise<ListPage> {
    this.#pages += 1;
    const page = this.#pages;
    await this.beforePage(page);
    const { bucket, prefix, delimiter } = request;
    const all = await this.#store.list(call, { bucket, prefix, delimiter });
    const after = request.continuation ?? request.startAfter;
    const left =
      after === undefined
        ? all.objects
        : all.objects.filter(({ key }) => Buffer.compare(Buffer.from(key), Buffer.from(after)) > 0);
    const objects = left.slice(0, this.#pageKeys);
    const last = objects.at(-1)?.key ?? null;
    await this.afterPage(page);
    return { objects, prefixes: [], continuation: left.length > objects.length ? last : null };
  }
}
