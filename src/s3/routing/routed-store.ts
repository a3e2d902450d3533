import type { ObjectRef } from '../../model/object-store.js';
import { transportOptions } from '../client.js';
import { S3Transport } from '../http/transport.js';
import type { S3StoreOptions } from '../options.js';
import { routeOptions } from './route-options.js';
import type { S3ObjectStore } from './s3-object-store.js';
import type { Route, StoreRoutes } from './store-routes.js';

/** Max stores of routes that are kept. The ones that were used least recently are forgotten. */
const maxStores = 256;

/**
 * Returns a store that sends each request as the route of its object says. `open` opens a store without
 * routes. Stores with the same access and session share their client; those of one region share connections.
 */
export function createRoutedStore(
  options: S3StoreOptions,
  routes: StoreRoutes,
  open: (options: S3StoreOptions) => S3ObjectStore,
): S3ObjectStore {
  const stores = new RouteStores(options, open);
  const of = ({ bucket, key }: ObjectRef): S3ObjectStore => stores.of(routes.find(bucket, key));
  const below = (bucket: string, prefix: string): S3ObjectStore => stores.of(routes.find(bucket, prefix));
  return {
    checksumAlgorithm: stores.own.checksumAlgorithm,
    head: (call, ref, ...rest) => of(ref).head(call, ref, ...rest),
    read: (call, ref, ...rest) => of(ref).read(call, ref, ...rest),
    put: (call, ref, ...rest) => of(ref).put(call, ref, ...rest),
    beginUpload: (call, ref, ...rest) => of(ref).beginUpload(call, ref, ...rest),
    resumeUpload: (call, ref, ...rest) => of(ref).resumeUpload(call, ref, ...rest),
    // S3 reads the source with the access of the target.
    copy: (call, from, to, wanted) => of(to).copy(call, from, to, wanted),
    remove: (call, ref, ...rest) => of(ref).remove(call, ref, ...rest),
    list: (call, request) => below(request.bucket, request.prefix).list(call, request),
    listUploads: (call, bucket, prefix) => below(bucket, prefix).listUploads(call, bucket, prefix),
    abortUpload: (call, ref, uploadId) => of(ref).abortUpload(call, ref, uploadId),
    listVersions: (call, request) => below(request.bucket, request.prefix).listVersions(call, request),
    getTags: (call, ref, ...rest) => of(ref).getTags(call, ref, ...rest),
    putTags: (call, ref, ...rest) => of(ref).putTags(call, ref, ...rest),
    getAcl: (call, ref) => of(ref).getAcl(call, ref),
    requestsSentBySdk: () => stores.all().reduce((sum, store) => sum + store.requestsSentBySdk(), 0),
    async [Symbol.asyncDispose]() {
      for (const store of stores.all()) await store[Symbol.asyncDispose]();
    },
  };
}

/** The stores of all routes. */
class RouteStores {
  readonly own: S3ObjectStore;
  readonly #options: S3StoreOptions;
  readonly #open: (options: S3StoreOptions) => S3ObjectStore;
  readonly #stores = new Map<string, S3ObjectStore>();
  readonly #transports = new Map<string, S3Transport>();

  constructor(options: S3StoreOptions, open: (options: S3StoreOptions) => S3ObjectStore) {
    this.#options = options;
    this.#open = open;
    this.own = open(routeOptions(options, null));
  }

  of(route: Route | null): S3ObjectStore {
    if (route === null) return this.own;
    const { access, username } = route;
    const session = access.roleArn === null ? null : username;
    const name = JSON.stringify([access.region, access.endpoint, access.roleArn, access.externalId, session]);
    const store = this.#stores.get(name) ?? this.#open(this.#withTransport(route));
    this.#stores.delete(name);
    this.#stores.set(name, store);
    // A forgotten store may still be in use, so its connections stay: its region's other stores share them.
    for (const oldest of this.#stores.keys()) {
      if (this.#stores.size <= maxStores) break;
      this.#stores.delete(oldest);
    }
    return store;
  }

  all(): readonly S3ObjectStore[] {
    return [this.own, ...this.#stores.values()];
  }

  #withTransport(route: Route): S3StoreOptions {
    const options = routeOptions(this.#options, route);
    const location = JSON.stringify([options.region, options.endpoint]);
    const transport = this.#transports.get(location) ?? new S3Transport(transportOptions(options));
    this.#transports.set(location, transport);
    return { ...options, transport };
  }
}
