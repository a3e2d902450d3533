import http from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { bareHost } from './local-hosts.js';
import type { Destination, ProxyRules } from './proxy-rules.js';
import { Tunnels } from './tunnel.js';

/** Options of a pair of agents. */
export interface AgentOptions {
  readonly proxies: ProxyRules;
  /** Certificates to trust, in PEM; null means those of the system. */
  readonly ca: readonly string[] | null;
  /** Max time for a tunnel, in ms. The callers bound direct connections. */
  readonly connectTimeoutMs: number;
  /** Options of node:http's agents. */
  readonly shared: http.AgentOptions;
}

/** Agents that connect as the proxy rules say, and keep connections. */
export interface ProxyAgents {
  readonly http: http.Agent;
  readonly https: https.Agent;
  /** Opens tunnels for other connections. */
  readonly tunnels: Tunnels;
  destroy(): void;
}

/** Creates the agents of one client. Requests through `http` and `https` fail with the faults of `Tunnels.open`. */
export function createProxyAgents({ proxies, ca, connectTimeoutMs, shared }: AgentOptions): ProxyAgents {
  const tunnels = new Tunnels({ ca, connectTimeoutMs });
  const plain = new PlainAgent(shared, proxies, tunnels);
  const secure = new SecureAgent({ ...shared, ...(ca === null ? {} : { ca: [...ca] }) }, proxies, tunnels);
  return {
    http: plain,
    https: secure,
    tunnels,
    destroy() {
      tunnels.destroy();
      plain.destroy();
      secure.destroy();
    },
  };
}

type Created = (error: Error | null, stream: Duplex) => void;

class PlainAgent extends http.Agent {
  readonly #proxies: ProxyRules;
  readonly #tunnels: Tunnels;

  constructor(options: http.AgentOptions, proxies: ProxyRules, tunnels: Tunnels) {
    super(options);
    this.#proxies = proxies;
    this.#tunnels = tunnels;
  }

  override createConnection(options: http.ClientRequestArgs, created?: Created): Duplex | null | undefined {
    const to = destinationOf(options, false);
    const proxy = this.#proxies.proxyFor(to);
    if (proxy === null || created === undefined) return super.createConnection(options, created);
    void passOn(this.#tunnels.open(proxy, to), (tunnel) => tunnel, created);
    return undefined;
  }
}

class SecureAgent extends https.Agent {
  readonly #proxies: ProxyRules;
  readonly #tunnels: Tunnels;

  constructor(options: https.AgentOptions, proxies: ProxyRules, tunnels: Tunnels) {
    super(options);
    this.#proxies = proxies;
    this.#tunnels = tunnels;
  }

  override createConnection(options: https.RequestOptions, created?: Created): Duplex | null | undefined {
    const to = destinationOf(options, true);
    const proxy = this.#proxies.proxyFor(to);
    if (proxy === null || created === undefined) return super.createConnection(options, created);
    const secured = (socket: Socket): Duplex | null | undefined => {
      const within: https.RequestOptions & { readonly socket: Socket } = { ...options, socket };
      return super.createConnection(within);
    };
    void passOn(this.#tunnels.open(proxy, to), secured, created);
    return undefined;
  }
}

function destinationOf({ host, port }: http.ClientRequestArgs, secure: boolean): Destination {
  return { secure, host: bareHost(host ?? 'localhost'), port: Number(port ?? (secure ? 443 : 80)) };
}

/** Node ignores the stream of a call with an error, but its type requires one. */
type CreatedWithError = (error: Error) => void;

async function passOn(
  tunnel: Promise<Socket>,
  secured: (tunnel: Socket) => Duplex | null | undefined,
  created: Created,
): Promise<void> {
  let stream: Duplex | null | undefined;
  try {
    stream = secured(await tunnel);
  } catch (error) {
    (created as CreatedWithError)(error instanceof Error ? error : new Error(String(error)));
    return;
  }
  if (stream) created(null, stream);
}
