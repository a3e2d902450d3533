import Type from 'typebox';
import { Lines } from '../../api/description/operation.js';
import { sendDownload, sendLines } from '../../api/server/send-stream.js';
import type { Call } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import { parseUsername, type UserDirectory } from '../../model/users.js';
import type { FilesPageBounds } from '../bounds.js';
import type { PageClient } from '../page-client.js';
import { type PageRoute, pageRoute } from '../page-route.js';
import { csrfTokenOf } from '../request-facts.js';
import { downloadOf } from './download.js';
import { type ListingLine, listDirectory } from './listing.js';
import { pathOf } from './paths.js';
import { topDirectories } from './rights.js';

const maxPathCharacters = 4096;
const path = Type.String({ minLength: 1, maxLength: maxPathCharacters });
const strict = { additionalProperties: false };
const query = Type.Object({ path }, strict);

export interface TreeRouteServices {
  readonly users: Pick<UserDirectory, 'settings'>;
  readonly bounds: Pick<FilesPageBounds, 'maxListed' | 'idleTimeoutMs'>;
}

/** Returns what the page shows of a session. */
export async function sessionView(
  call: Call,
  users: TreeRouteServices['users'],
  { session }: PageClient,
  secret: string,
) {
  const settings = await users.settings(call, parseUsername(session.username));
  if (settings === null) throw new Fault('denied', 'this account has been removed');
  return { username: session.username, csrf: csrfTokenOf(secret), directories: topDirectories(settings) };
}

/** Returns the routes of the user's tree. They call what SFTP calls, with the same rights. */
export function treeRoutes({ users, bounds }: TreeRouteServices): readonly PageRoute[] {
  return [
    pageRoute({
      method: 'GET',
      path: '/files/api/session',
      handle: ({ call, client, secret }) => sessionView(call, users, client, secret),
    }),
    pageRoute({
      method: 'GET',
      path: '/files/api/list',
      query,
      handle: async ({ call, client, query: { path: text }, reply }) => {
        const directory = pathOf(text);
        const lines = new Lines<ListingLine>((write) =>
          listDirectory(call, client.vfs, directory, bounds.maxListed, write),
        );
        return await sendLines(reply, lines as Lines<unknown>, call.id, bounds.idleTimeoutMs);
      },
    }),
    pageRoute({
      method: 'GET',
      path: '/files/api/content',
      query,
      handle: async ({ call, client, query: { path: text }, reply }) =>
        await sendDownload(reply, downloadOf(call, client, pathOf(text)), bounds.idleTimeoutMs),
    }),
    pageRoute({
      method: 'POST',
      path: '/files/api/directories',
      body: Type.Object({ path }, strict),
      handle: async ({ call, client, body, reply }) => {
        await client.vfs.makeDirectory(call, pathOf(body.path));
        void reply.code(204);
      },
    }),
    pageRoute({
      method: 'POST',
      path: '/files/api/rename',
      body: Type.Object({ from: path, to: path }, strict),
      handle: async ({ call, client, body, reply }) => {
        await client.vfs.rename(call, pathOf(body.from), pathOf(body.to), false);
        void reply.code(204);
      },
    }),
    pageRoute({
      method: 'DELETE',
      path: '/files/api/entries',
      query: Type.Object({ path, type: Type.Enum(['file', 'directory']) }, strict),
      handle: async ({ call, client, query: asked, reply }) => {
        const removed = pathOf(asked.path);
        if (asked.type === 'directory') await client.vfs.removeDirectory(call, removed);
        else await client.vfs.remove(call, removed);
        void reply.code(204);
      },
    }),
  ];
}
