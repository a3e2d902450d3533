import type { BucketAccess } from '../../model/bucket.js';

/** The location of a user in S3, and how it is accessed. */
export interface RouteOwner {
  readonly username: string;
  readonly bucket: string;
  /** The prefixes of the uploads and of the downloads. */
  readonly prefixes: readonly string[];
  /** Null for the gateway's own access. */
  readonly access: BucketAccess | null;
}

/** An access, and the user whose name its sessions carry. */
export interface Route {
  readonly username: string;
  readonly access: BucketAccess;
}

/** The users' locations, which decide how a request to S3 is sent. Locations can change at any time. */
export class StoreRoutes {
  readonly #owners = new Map<string, RouteOwner>();
  readonly #defaultBucket: () => string | null;
  /** Number of owners with an access of their own. Without any, every lookup is immediate. */
  #special = 0;

  constructor(defaultBucket: () => string | null) {
    this.#defaultBucket = defaultBucket;
  }

  /** Records the location of a user; null for a user who was removed. */
  set(username: string, owner: RouteOwner | null): void {
    const before = this.#owners.get(username) ?? null;
    if (before?.access) this.#special -= 1;
    if (owner === null) this.#owners.delete(username);
    else this.#owners.set(username, owner);
    if (owner?.access) this.#special += 1;
  }

  /**
   * Returns the route for a key or a prefix; null for the gateway's own access. The user with the longest
   * prefix counts. Outside all prefixes it is the gateway's own access in the default bucket, and in another
   * bucket that of its first user.
   */
  find(bucket: string, key: string): Route | null {
    if (this.#special === 0) return null;
    let best: RouteOwner | null = null;
    let bestLength = -1;
    for (const owner of this.#owners.values()) {
      if (owner.bucket !== bucket) continue;
      for (const prefix of owner.prefixes) {
        if (!key.startsWith(prefix) || prefix.length <= bestLength) continue;
        best = owner;
        bestLength = prefix.length;
      }
    }
    if (best === null && bucket !== this.#defaultBucket()) best = this.#firstOf(bucket);
    return best === null ? null : routeOf(best);
  }

  /** Returns the distinct accesses to a bucket, null for the gateway's own. */
  accessesOf(bucket: string): readonly (Route | null)[] {
    const found = new Map<string, Route | null>();
    if (bucket === this.#defaultBucket()) found.set('', null);
    for (const owner of this.#owners.values()) {
      if (owner.bucket !== bucket) continue;
      const route = routeOf(owner);
      const name = route === null ? '' : JSON.stringify(route.access);
      if (!found.has(name)) found.set(name, route);
    }
    return found.size === 0 ? [null] : [...found.values()];
  }

  #firstOf(bucket: string): RouteOwner | null {
    for (const owner of this.#owners.values()) if (owner.bucket === bucket) return owner;
    return null;
  }
}

function routeOf({ username, access }: RouteOwner): Route | null {
  return access === null ? null : { username, access };
}
