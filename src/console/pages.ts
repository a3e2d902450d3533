import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import serveStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';
import { Fault } from '../model/fault.js';

/** Seconds that a browser keeps a file. Its name has a digest of its content, so it never changes. */
const assetMaxAgeSeconds = 31_536_000;

/**
 * Serves the pages of a build (`scripts/build-console.mjs`): the files below `assets/`, and the document for each
 * path of `pages.json`. No other path has an answer, so that a misspelt link is not found. Throws `corrupt` for an
 * incomplete build.
 */
export async function addPages(server: FastifyInstance, directory: string): Promise<void> {
  const [document, paths] = await Promise.all([
    readBuilt(join(directory, 'index.html')),
    readBuilt(join(directory, 'pages.json')),
  ]);
  await server.register(serveStatic, {
    root: join(directory, 'assets'),
    prefix: '/assets/',
    index: false,
    dotfiles: 'ignore',
    wildcard: false,
    preCompressed: true,
    cacheControl: false,
    setHeaders: (reply) => {
      void reply.header('cache-control', `public, max-age=${assetMaxAgeSeconds}, immutable`);
    },
  });
  for (const path of JSON.parse(paths) as readonly string[]) {
    server.get(path, async (_request, reply) =>
      // The document names the files of this build. A browser that kept it would miss them after an update.
      reply.type('text/html; charset=utf-8').header('cache-control', 'no-cache').send(document),
    );
  }
}

async function readBuilt(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new Fault('corrupt', `cannot read ${path}: run \`npm run build\``, { cause: error });
  }
}
