import { isIP } from 'node:net';
import serveStatic from '@fastify/static';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { filesAddressHeader, filesCookie, filesPath, filesSecureHeader } from '../api/files-headers.js';
import { Fault } from '../model/fault.js';
import { Forwarder, filesHeaders } from './forward.js';
import type { ConsoleOptions } from './options.js';
import { sendRaw } from './send-raw.js';
import type { Site } from './site.js';

/** The gateway stores a large file before it answers the last request of its upload. */
const silenceMs = 600_000;

/**
 * Serves the files page: its static files, and its requests, which the gateway answers. This process neither reads
 * nor stores the users' sessions. Does nothing if the page is off.
 */
export async function addFilesPage(
  server: FastifyInstance,
  options: Pick<ConsoleOptions, 'filesSocket' | 'filesDirectory'>,
  site: Site,
): Promise<void> {
  const { filesSocket, filesDirectory } = options;
  if (filesSocket === null || filesDirectory === null) return;
  const forwarder = new Forwarder(filesSocket, { headers: filesHeaders, silenceMs });
  server.addHook('onClose', async () => forwarder[Symbol.dispose]());
  const secure = site.isSecure ? 'yes' : 'no';
  server.register((requests, _options, done) => {
    // The body stays a stream.
    requests.removeAllContentTypeParsers();
    requests.addContentTypeParser('*', (_request, body, parsed) => parsed(null, body));
    requests.route({
      method: ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE'],
      url: `${filesPath}/api/*`,
      exposeHeadRoute: false,
      handler: async (request, reply) => {
        const headers = reply.getHeaders();
        reply.hijack();
        const added = {
          [filesAddressHeader]: addressOf(request),
          [filesSecureHeader]: secure,
          cookie: ownCookies(request.headers.cookie),
        };
        try {
          await forwarder.forward(request.raw, reply.raw, added, headers);
        } catch (error) {
          sendRaw(reply, Fault.from(error), request.id);
        }
        return reply;
      },
    });
    done();
  });
  server.get(filesPath, async (_request, reply) => reply.redirect(`${filesPath}/`));
  await server.register(serveStatic, {
    root: filesDirectory,
    prefix: `${filesPath}/`,
    dotfiles: 'ignore',
    index: 'index.html',
    decorateReply: false,
    cacheControl: false,
    setHeaders: (reply) => void reply.header('cache-control', 'no-cache'),
  });
}

/** Returns the cookies of the page. It omits the cookies of the console, which its users' sessions must not get. */
function ownCookies(cookies: string | undefined): string {
  const all = (cookies ?? '').split(';').map((cookie) => cookie.trim());
  return all.filter((cookie) => filesCookie.test(cookie)).join('; ');
}

/** Returns the address of the browser. A proxy may add a port or a word, which is not an address. */
function addressOf({ ip, socket }: FastifyRequest): string {
  return isIP(ip) === 0 ? (socket.remoteAddress ?? '') : ip;
}
