import type { FastifyInstance, FastifyRequest } from 'fastify';
import { anonymous, type Person } from '../api/description/roles.js';
import { Refusal } from '../api/refusal.js';
import { personHeaders } from '../api/server/person.js';
import { Fault } from '../model/fault.js';
import { type Authenticator, sessionCookieName } from './authenticators.js';
import { setCookie } from './cookies.js';
import { refuseForgery } from './csrf.js';
import { Forwarder } from './forward.js';
import { sendRaw } from './send-raw.js';
import { clientOf, type Site } from './site.js';

/** Requests of one address per minute with a wrong token; more are answered with 429. */
const maxRefusalsPerMinute = 20;

/** Paths that need no login. The gateway lets such a request do nothing else than log in. */
const loginPaths = /^\/api\/(?:login|welcome)(?:[/?]|$)/;

/** Forwards `/api/` to the gateway with the person of the request. The first authenticator that knows them decides. */
export function addApi(
  server: FastifyInstance,
  socket: string,
  site: Site,
  authenticators: readonly Authenticator[],
): void {
  const forwarder = new Forwarder(socket);
  server.addHook('onClose', async () => forwarder[Symbol.dispose]());
  const isExceeded = failuresOf(server);
  const cookie = (secret: string) =>
    setCookie(sessionCookieName(site.isSecure), secret, { isSecure: site.isSecure, sameSite: 'Strict' });
  server.register((api, _options, done) => {
    // The body stays a stream.
    api.removeAllContentTypeParsers();
    api.addContentTypeParser('*', (_request, body, done) => done(null, body));
    api.route({
      method: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
      url: '/api/*',
      handler: async (request, reply) => {
        const person = await personOf(authenticators, site, request, isExceeded);
        const headers = reply.getHeaders();
        reply.hijack();
        try {
          await forwarder.forward(request.raw, reply.raw, personHeaders(person), headers, cookie);
        } catch (error) {
          sendRaw(reply, Fault.from(error), request.id);
        }
        return reply;
      },
    });
    done();
  });
}

type FailureCheck = (request: FastifyRequest) => Promise<boolean>;

/** Returns a function that counts a failure of an address, and returns true if it has too many. */
function failuresOf(server: FastifyInstance): FailureCheck {
  const check = server.createRateLimit({ max: maxRefusalsPerMinute, timeWindow: '1 minute' });
  return async (request) => {
    const limit = await check(request);
    return !limit.isAllowed && limit.isExceeded;
  };
}

async function personOf(
  authenticators: readonly Authenticator[],
  site: Site,
  request: FastifyRequest,
  isExceeded: FailureCheck,
): Promise<Person> {
  const { method, headers, url } = request;
  const client = clientOf(site, request);
  if (loginPaths.test(url)) {
    refuseForgery(method, headers);
    return anonymous(client);
  }
  try {
    for (const authenticator of authenticators) {
      const person = await authenticator.authenticate({ method, headers, client });
      if (person !== null) return person;
    }
    throw new Fault(
      'unauthenticated',
      'the request has no credential: log in, or give a token as Authorization: Bearer',
    );
  } catch (error) {
    const fault = Fault.from(error);
    // A session has 256 random bits. Only a token that does not exist may be a guess.
    const isToken = headers.authorization !== undefined;
    if (fault.kind === 'unauthenticated' && isToken && (await isExceeded(request))) throw tooMany();
    throw fault;
  }
}

/** Returns the refusal of an address with too many requests. */
export function tooMany(): Refusal {
  return new Refusal('throttled', 'too many requests from this address: try again in a minute', {
    status: 429,
  });
}
