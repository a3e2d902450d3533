import { KeyedMutex } from '../concurrency/keyed-mutex.js';
import type { LiveSession } from '../live/live-session.js';
import type { LiveSessions } from '../live/live-sessions.js';
import type { AuditRecorder } from '../model/audit.js';
import type { Call, Clock, Entropy } from '../model/call.js';
import { Fault } from '../model/fault.js';
import type { PageSession, PageSessionLimits, PageSessions, UserCredentials } from '../model/files-page.js';
import type { VfsFactory } from '../model/vfs.js';
import type { SessionAudit } from '../sftp/session-audit.js';
import { sourceOf } from '../users/addresses.js';
import { AuditedVfs } from '../vfs/audited/audited-vfs.js';
import { PageClient } from './page-client.js';

/** The services that the clients need. */
export interface PageClientServices {
  readonly sessions: PageSessions;
  readonly limits: PageSessionLimits;
  readonly credentials: UserCredentials;
  readonly vfs: VfsFactory;
  readonly live: LiveSessions;
  /** Records logins and their ends. */
  readonly audit: SessionAudit;
  /** Records what users do. */
  readonly trail: AuditRecorder;
  readonly clock: Clock;
  readonly entropy: Entropy;
  /** Parks the open uploads of a client that ends. Never rejects. */
  readonly release: (client: PageClient) => Promise<void>;
}

/**
 * The clients of the files page. Each is a session of the live registry, with its limits. The stored session outlives
 * a restart; its client is opened again by its next request.
 */
export class PageClients {
  readonly #services: PageClientServices;
  /** By the session's id and the address. */
  readonly #clients = new Map<string, PageClient>();
  readonly #opening = new KeyedMutex<string>((key) => key);
  readonly #closing = new Set<Promise<void>>();
  #isClosed = false;

  constructor(services: PageClientServices) {
    this.#services = services;
  }

  /**
   * Returns the client of a request. Throws `unauthenticated` for a session that has ended, and `throttled` if
   * there are too many sessions.
   */
  async of(call: Call, secret: string | null, address: string): Promise<PageClient> {
    const session = secret === null ? null : await this.#services.sessions.find(secret);
    if (session === null) throw ended();
    const found = this.#clients.get(keyOf(session, address));
    if (found !== undefined) {
      await this.#services.sessions.touch(session.id);
      return found;
    }
    const { credentials } = this.#services;
    if ((await credentials.pageCredentials(call, session.username, address)) !== session.credentials) {
      await this.end(session.id);
      throw ended();
    }
    await this.#services.sessions.touch(session.id);
    return await this.open(call, session, address, true);
  }

  /** Opens the client of a session, or returns it. `isResumed` is false at its login. Throws `throttled`. */
  async open(call: Call, session: PageSession, address: string, isResumed: boolean): Promise<PageClient> {
    const key = keyOf(session, address);
    return await this.#opening.runExclusive([key], async () => {
      if (this.#isClosed) throw new Fault('unavailable', 'the gateway is stopping: try again in a moment');
      const known = this.#clients.get(key);
      if (known !== undefined) return known;
      const { audit, clock, trail, vfs: factory } = this.#services;
      const live = this.#openLive(session, address);
      try {
        const tree = await factory.forUser(call, session.username);
        if (tree === null) throw ended();
        audit.loggedIn(live, isResumed ? { resumed: true } : {});
        const vfs = new AuditedVfs(tree, trail, live);
        const client = new PageClient({ session, address, live, vfs, clock });
        this.#clients.set(key, client);
        return client;
      } catch (error) {
        this.#services.live.close(live, sourceOf(address));
        throw error;
      }
    });
  }

  #openLive(session: PageSession, address: string): LiveSession {
    const { live, audit, entropy } = this.#services;
    const { username, methods } = session;
    const opened = live.open({
      id: entropy.id(),
      login: {
        protocol: 'web',
        username,
        address,
        methods,
        keyFingerprint: null,
        certificate: null,
        connection: null,
      },
      source: sourceOf(address),
      disconnect: () => void this.end(session.id),
    });
    if (typeof opened !== 'string') return opened;
    audit.refused({ address, username, rule: 'sessions', reason: opened, details: { protocol: 'web' } });
    throw new Fault('throttled', `${opened}: log out elsewhere, or try again later`);
  }

  /** Ends a session at all its addresses. */
  async end(id: string): Promise<void> {
    await this.#services.sessions.end(id);
    await this.#close(([, { session }]) => session.id === id);
  }

  /** Ends the sessions that are too old or idle, and those whose users may not log in any more. */
  async check(call: Call): Promise<void> {
    const { clock, credentials, limits, sessions } = this.#services;
    for (const { session, address, inFlight, lastDataMs } of [...this.#clients.values()]) {
      const isOld = clock.nowMs() - session.createdMs >= limits.maxMs;
      const isIdle = inFlight === 0 && clock.monotonicMs() - lastDataMs >= limits.idleMs;
      // A user whose files cannot be read for a moment stays logged in.
      const current = await credentials
        .pageCredentials(call, session.username, address)
        .catch(() => session.credentials);
      if (isOld || current !== session.credentials) await this.end(session.id);
      else if (isIdle) await this.#close(([key]) => key === keyOf(session, address));
      else if (inFlight > 0) await sessions.touch(session.id);
    }
  }

  /** Closes all clients. Their sessions stay, so that the next run of the gateway continues them. */
  async closeAll(): Promise<void> {
    this.#isClosed = true;
    await this.#close(() => true);
    await Promise.all([...this.#closing]);
  }

  async #close(isMeant: (entry: readonly [string, PageClient]) => boolean): Promise<void> {
    const meant = [...this.#clients].filter(isMeant);
    for (const [key] of meant) this.#clients.delete(key);
    await Promise.all(meant.map(([, client]) => this.#track(this.#closeClient(client))));
  }

  async #closeClient(client: PageClient): Promise<void> {
    const { live, audit, release } = this.#services;
    await client.close(() => release(client));
    live.close(client.live, sourceOf(client.address));
    audit.ended(client.live);
  }

  #track(closing: Promise<void>): Promise<void> {
    this.#closing.add(closing);
    return closing.finally(() => this.#closing.delete(closing));
  }
}

function keyOf({ id }: PageSession, address: string): string {
  return `${id} ${address}`;
}

function ended(): Fault {
  return new Fault('unauthenticated', 'you are not logged in, or your session has ended: log in');
}
