import { randomBytes } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Configuration, IDToken } from 'openid-client';
import { ControlRequests } from '../api/control-request.js';
import type { Logger } from '../model/call.js';
import { Fault, isFault } from '../model/fault.js';
import { sessionCookieName } from './authenticators.js';
import { cookieName, readCookie, setCookie } from './cookies.js';
import type { OidcOptions } from './options.js';
import { clientOf, type Site } from './site.js';

/** Loads the library at the first login. */
const library = () => import('openid-client');

const providerTimeoutSeconds = 10;
const gatewayTimeoutMs = 10_000;
/** Time for the login at the provider. */
const stateMs = 10 * 60_000;
/** The provider's metadata are read again after this time. */
const metadataMs = 10 * 60_000;
const loginPath = '/api/login/oidc';
const callbackPath = '/api/login/oidc/callback';
const maxGroups = 1000;

/** The answer of a failed login: a code for the login page. */
type LoginError = 'denied' | 'no-role' | 'expired' | 'unavailable' | 'failed' | 'taken';

/** The state that the browser keeps between the two requests of a login. The person themselves may read it. */
interface LoginState {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  readonly startedMs: number;
}

/** Logs people in at an OpenID provider: authorization code with PKCE (RFC 7636), state and nonce. */
export class OidcLogins {
  readonly #options: OidcOptions;
  readonly #socket: string;
  readonly #site: Site;
  readonly #log: Logger;
  readonly #cookie: string;
  #metadata: { readonly config: Promise<Configuration>; readonly untilMs: number } | null = null;

  constructor(options: OidcOptions, socket: string, site: Site, log: Logger) {
    this.#options = options;
    this.#socket = socket;
    this.#site = site;
    this.#log = log;
    this.#cookie = cookieName('sftpgw-oidc', site.isSecure);
  }

  /** Adds the two routes. */
  addTo(server: FastifyInstance): void {
    server.get(loginPath, (request, reply) => this.#begin(request, reply));
    server.get(callbackPath, (request, reply) => this.#finish(request, reply));
  }

  async #begin(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    try {
      const { buildAuthorizationUrl, calculatePKCECodeChallenge, randomPKCECodeVerifier } = await library();
      const config = await this.#configuration();
      const [state, nonce] = [randomText(), randomText()];
      const verifier = randomPKCECodeVerifier();
      const url = buildAuthorizationUrl(config, {
        redirect_uri: this.#redirectUri(request),
        response_type: 'code',
        scope: this.#options.scopes,
        code_challenge: await calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
        state,
        nonce,
      });
      const kept: LoginState = { state, nonce, verifier, startedMs: Date.now() };
      const value = Buffer.from(JSON.stringify(kept)).toString('base64url');
      return this.#redirect(reply, url.href, [this.#stateCookie(value)]);
    } catch (error) {
      return this.#failed(request, reply, error);
    }
  }

  async #finish(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    try {
      const kept = this.#stateOf(request);
      const { authorizationCodeGrant, fetchUserInfo } = await library();
      const config = await this.#configuration();
      const url = new URL(request.url, this.#site.originOf(request.raw.socket));
      const tokens = await authorizationCodeGrant(config, url, {
        pkceCodeVerifier: kept.verifier,
        expectedState: kept.state,
        expectedNonce: kept.nonce,
        idTokenExpected: true,
      });
      const claims = tokens.claims();
      if (claims === undefined) throw new Fault('unauthenticated', 'the provider has sent no ID token');
      const hasAll = claims[this.#options.groupsClaim] !== undefined && nameOf(claims) !== claims.sub;
      const more =
        hasAll || config.serverMetadata().userinfo_endpoint === undefined
          ? {}
          : await fetchUserInfo(config, tokens.access_token, claims.sub);
      const secret = await this.#session(request, { ...more, ...claims });
      const { isSecure } = this.#site;
      const session = setCookie(sessionCookieName(isSecure), secret, { isSecure, sameSite: 'Strict' });
      return this.#redirect(reply, '/', [session, this.#stateCookie('')]);
    } catch (error) {
      return this.#failed(request, reply, error);
    }
  }

  /** Begins the session at the gateway, which knows the roles of groups. Returns the content of the cookie. */
  async #session(request: FastifyRequest, claims: IDToken & Record<string, unknown>): Promise<string> {
    const requests = new ControlRequests(this.#socket, AbortSignal.timeout(gatewayTimeoutMs));
    const groups = claims[this.#options.groupsClaim];
    const answer = await requests.json('POST', '/internal/sessions/oidc', {
      issuer: claims.iss,
      subject: claims.sub,
      name: nameOf(claims).slice(0, 200),
      groups: (Array.isArray(groups) ? groups : [groups])
        .filter((group) => typeof group === 'string')
        .slice(0, maxGroups),
      ...clientOf(this.#site, request),
    });
    return (answer as { readonly secret: string }).secret;
  }

  #stateOf({ headers }: FastifyRequest): LoginState {
    const value = readCookie(headers.cookie, this.#cookie);
    const kept = value === null ? null : parseState(value);
    if (kept === null || Date.now() - kept.startedMs > stateMs) {
      throw new Fault('cancelled', 'the login took too long, or was begun in another browser');
    }
    return kept;
  }

  #configuration(): Promise<Configuration> {
    if (this.#metadata !== null && this.#metadata.untilMs > Date.now()) return this.#metadata.config;
    const config = this.#discover();
    const metadata = { config, untilMs: Date.now() + metadataMs };
    this.#metadata = metadata;
    config.catch(() => {
      if (this.#metadata === metadata) this.#metadata = null;
    });
    return config;
  }

  async #discover(): Promise<Configuration> {
    const { allowInsecureRequests, ClientSecretBasic, discovery, enableNonRepudiationChecks, None } =
      await library();
    const { issuer, clientId } = this.#options;
    const url = new URL(issuer);
    const isPlain = url.protocol === 'http:';
    if (isPlain && !/^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(url.hostname)) {
      throw new Fault('invalid', 'console.oidc.issuer must be https');
    }
    const secret = await this.#clientSecret();
    return await discovery(url, clientId, {}, secret === null ? None() : ClientSecretBasic(secret), {
      timeout: providerTimeoutSeconds,
      // Without it, TLS alone vouches for the ID token (OpenID Connect Core, section 3.1.3.7), and its signature is not
      // checked.
      execute: [enableNonRepudiationChecks, ...(isPlain ? [allowInsecureRequests] : [])],
    });
  }

  async #clientSecret(): Promise<string | null> {
    const { clientSecretFile: path, clientSecret } = this.#options;
    if (path === null) return clientSecret;
    try {
      const { mode } = await stat(path);
      if ((mode & 0o077) !== 0) {
        throw new Fault('denied', `${path} is open to others: run \`chmod 600 ${path}\``);
      }
      return (await readFile(path, 'utf8')).trim();
    } catch (error) {
      if (isFault(error)) throw error;
      throw new Fault('invalid', `console.oidc.client.secret.file: cannot read ${path}`, { cause: error });
    }
  }

  #redirectUri({ raw }: FastifyRequest): string {
    return `${this.#site.originOf(raw.socket)}${callbackPath}`;
  }

  #stateCookie(value: string): string {
    const { isSecure } = this.#site;
    return setCookie(this.#cookie, value, {
      isSecure,
      sameSite: 'Lax',
      maxAgeSeconds: Math.round(stateMs / 1000),
    });
  }

  #redirect(reply: FastifyReply, location: string, cookies: readonly string[]): FastifyReply {
    return reply
      .code(303)
      .headers({ location, 'cache-control': 'no-store', 'set-cookie': [...cookies] })
      .send();
  }

  #failed(request: FastifyRequest, reply: FastifyReply, error: unknown): FastifyReply {
    const code = loginErrorOf(error);
    // The library's causes contain answers of the provider, and so may contain tokens.
    const { name, message } = error instanceof Error ? error : new Error('unknown');
    this.#log.warn('login at the OpenID provider failed', {
      request: request.id,
      code,
      name,
      reason: message,
    });
    return this.#redirect(reply, `/login?error=${code}`, [this.#stateCookie('')]);
  }
}

function loginErrorOf(error: unknown): LoginError {
  if (isFault(error, 'cancelled')) return 'expired';
  if (isFault(error, 'denied') && error.hint.includes('console.oidc.roles')) return 'no-role';
  if (isFault(error, 'exists')) return 'taken';
  if (isFault(error)) return isFault(error, 'unavailable', 'timed-out') ? 'unavailable' : 'failed';
  const { name = '', code = '' } = error as { readonly name?: string; readonly code?: string };
  if (name === 'AuthorizationResponseError') return 'denied';
  const isNetwork = name === 'TypeError' || name === 'TimeoutError' || code === 'OAUTH_TIMEOUT';
  return isNetwork || code === 'OAUTH_RESPONSE_IS_NOT_CONFORM' ? 'unavailable' : 'failed';
}

function parseState(value: string): LoginState | null {
  try {
    const found = JSON.parse(Buffer.from(value, 'base64url').toString('utf8')) as Partial<LoginState> | null;
    const { state, nonce, verifier, startedMs } = found ?? {};
    const isWhole =
      typeof state === 'string' &&
      typeof nonce === 'string' &&
      typeof verifier === 'string' &&
      typeof startedMs === 'number';
    return isWhole ? { state, nonce, verifier, startedMs } : null;
  } catch {
    return null;
  }
}

/** An address that the provider has not verified may be another person's. */
function nameOf(claims: Readonly<Record<string, unknown>>): string {
  const { preferred_username: username, email, email_verified: isVerified, sub } = claims;
  if (typeof username === 'string' && username !== '') return username;
  if (typeof email === 'string' && isVerified === true) return email;
  return String(sub);
}

function randomText(): string {
  return randomBytes(32).toString('base64url');
}
