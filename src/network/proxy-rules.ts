import { BlockList, isIP } from 'node:net';
import { HttpProxy } from './http-proxy.js';
import { bareHost, isMachineHost } from './local-hosts.js';

/** The end of a connection. */
export interface Destination {
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
}

type Exception = (host: string, port: number) => boolean;

/**
 * The proxies of HTTPS_PROXY, HTTP_PROXY and ALL_PROXY, and the exceptions of NO_PROXY. The lower-case form of a
 * variable comes first, as in curl(1).
 */
export class ProxyRules {
  readonly #https: HttpProxy | null;
  readonly #http: HttpProxy | null;
  readonly #exceptions: readonly Exception[];

  private constructor(https: HttpProxy | null, http: HttpProxy | null, exceptions: readonly Exception[]) {
    this.#https = https;
    this.#http = http;
    this.#exceptions = exceptions;
  }

  /** No proxy for any destination. */
  static readonly none = new ProxyRules(null, null, []);

  /** Reads the variables. Throws `invalid` for a value that is not an HTTP proxy. */
  static fromEnvironment(
    environment: Readonly<Record<string, string | undefined>> = process.env,
  ): ProxyRules {
    const proxy = (name: string): HttpProxy | null => {
      const variable = [name, name.toUpperCase()].find((one) => (environment[one] ?? '').trim() !== '');
      return variable === undefined ? null : HttpProxy.parse((environment[variable] ?? '').trim(), variable);
    };
    const forAll = proxy('all_proxy');
    const exceptions = environment['no_proxy'] || environment['NO_PROXY'] || '';
    return new ProxyRules(
      proxy('https_proxy') ?? forAll,
      proxy('http_proxy') ?? forAll,
      exceptions
        .split(/[\s,]+/)
        .filter((item) => item !== '')
        .map(parseException),
    );
  }

  /**
   * Returns the proxy for a destination; null for a direct connection. The loopback and link-local addresses, where
   * the credentials endpoints of AWS are, never use a proxy.
   */
  proxyFor({ secure, host, port }: Destination): HttpProxy | null {
    const proxy = secure ? this.#https : this.#http;
    if (proxy === null || isMachineHost(host)) return null;
    const name = bareHost(host);
    return this.#exceptions.some((excepts) => excepts(name, port)) ? null : proxy;
  }
}

/**
 * Parses an item of NO_PROXY: `*`, a name with its subdomains, an address or a network, and an optional port after
 * the first two. An item that is none of them matches nothing, as in curl, because other programs read the list too.
 */
function parseException(item: string): Exception {
  if (item === '*') return () => true;
  const [, network = '', bits = ''] = /^(.+)\/(\d{1,3})$/.exec(item) ?? [];
  if (network !== '') return networkException(bareHost(network), Number(bits));
  const [, bracketed, plain = item, digits] = /^(?:\[([^\]]+)\]|([^:]*))(?::(\d{1,5}))?$/.exec(item) ?? [];
  const host = bareHost(bracketed ?? plain);
  const port = digits === undefined ? null : Number(digits);
  const onPort = (actual: number) => port === null || port === actual;
  const family = isIP(host);
  if (family !== 0) {
    const isSame = networkException(host, family === 6 ? 128 : 32);
    return (other, actual) => onPort(actual) && isSame(other, actual);
  }
  const domain = host.replace(/^\*?\./, '');
  if (domain === '') return () => false;
  return (other, actual) => onPort(actual) && (other === domain || other.endsWith(`.${domain}`));
}

function networkException(network: string, bits: number): Exception {
  const family = isIP(network);
  if (family === 0 || bits > (family === 6 ? 128 : 32)) return () => false;
  const addresses = new BlockList();
  addresses.addSubnet(network, bits, family === 6 ? 'ipv6' : 'ipv4');
  return (host) => {
    const version = isIP(host);
    return version !== 0 && addresses.check(host, version === 6 ? 'ipv6' : 'ipv4');
  };
}
