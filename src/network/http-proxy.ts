import { Fault } from '../model/fault.js';
import { bareHost } from './local-hosts.js';

/**
 * A proxy that connects to other hosts with CONNECT (RFC 9110, section 9.3.6). Its password is only in
 * `headers()`: printing a proxy shows its address.
 */
export class HttpProxy {
  /** True if the connection to the proxy itself uses TLS. */
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
  /** The environment variable that names the proxy, for the texts of faults. */
  readonly variable: string;
  readonly #authorization: string | null;

  private constructor(url: URL, variable: string) {
    this.secure = url.protocol === 'https:';
    this.host = bareHost(url.hostname);
    this.port = url.port === '' ? (this.secure ? 443 : 80) : Number(url.port);
    this.variable = variable;
    this.#authorization = authorizationOf(url);
  }

  /**
   * Reads the value of `variable`: `http://USER:PASSWORD@HOST:PORT`, `https://...`, or `HOST:PORT`. Throws `invalid`
   * without repeating the value, which may contain a password.
   */
  static parse(value: string, variable: string): HttpProxy {
    const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`;
    const url = URL.canParse(text) ? new URL(text) : null;
    if (url === null || !/^https?:$/.test(url.protocol) || url.hostname === '')
      throw new Fault(
        'invalid',
        `the value of ${variable} is not an HTTP proxy; set a URL such as http://proxy.example.com:3128`,
      );
    try {
      return new HttpProxy(url, variable);
    } catch (error) {
      if (!(error instanceof URIError)) throw error;
      throw new Fault('invalid', `the user name or password in ${variable} is not percent-encoded correctly`);
    }
  }

  /** `host:port`. */
  get address(): string {
    return authority(this.host, this.port);
  }

  /** True if the variable contains a user name. */
  get hasCredentials(): boolean {
    return this.#authorization !== null;
  }

  /** Returns the headers of a CONNECT request. They contain the password. */
  headers(): Readonly<Record<string, string>> {
    return this.#authorization === null ? {} : { 'proxy-authorization': this.#authorization };
  }

  toJSON(): string {
    return this.address;
  }
}

/** Returns `host:port`, with brackets around an IPv6 address. */
export function authority(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function authorizationOf({ username, password }: URL): string | null {
  if (username === '' && password === '') return null;
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return `Basic ${Buffer.from(pair).toString('base64')}`;
}
