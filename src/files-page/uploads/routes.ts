import { isReadable, type Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import Type from 'typebox';
import { Refusal } from '../../api/refusal.js';
import type { Clock } from '../../model/call.js';
import type { PageUpload } from '../../model/files-page.js';
import { type PageRoute, pageRoute } from '../page-route.js';
import { announcedUpload, requireTus, tusContentType, tusVersion, wholeNumber } from './tus.js';
import type { UploadDesk, UploadState } from './upload-desk.js';

const uploadsPath = '/files/api/uploads';
const uploadPath = `${uploadsPath}/:id`;
const parameters = Type.Object({ id: Type.String({ pattern: '^[\\w-]{22}$' }) });

export interface UploadRouteServices {
  readonly desk: UploadDesk;
  /** Time that an upload is kept, in milliseconds. */
  readonly keepMs: number;
  /** Maximum size of a file in /uploads. */
  readonly maxFileBytes: number;
  readonly clock: Clock;
}

/** Returns the routes of uploads, which follow the protocol tus. */
export function uploadRoutes(services: UploadRouteServices): readonly PageRoute[] {
  const { desk, maxFileBytes, clock } = services;
  const answer = (reply: FastifyReply, status: number, state: UploadState | null, more = {}): void => {
    const progress =
      state === null
        ? {}
        : {
            'upload-offset': String(state.offset),
            'upload-length': String(state.upload.length),
            'upload-expires': expiryOf(state.upload, services.keepMs),
          };
    void reply.code(status).headers({ 'tus-resumable': tusVersion, ...progress, ...more });
  };
  return [
    pageRoute({
      method: 'POST',
      path: uploadsPath,
      handle: async ({ call, client, raw, reply }) => {
        requireTus(raw.headers);
        const announced = announcedUpload(raw.headers, clock.nowMs(), maxFileBytes);
        const upload = await desk.create(client.lasting(call), client, announced);
        answer(reply, 201, { upload, offset: 0 }, { location: `${uploadsPath}/${upload.id}` });
      },
    }),
    pageRoute({
      method: 'GET',
      path: uploadsPath,
      handle: async ({ call, client }) => ({ items: (await desk.unfinished(call, client)).map(viewOf) }),
    }),
    pageRoute({
      method: 'HEAD',
      path: uploadPath,
      parameters,
      handle: async ({ call, client, parameters: { id }, raw, reply }) => {
        requireTus(raw.headers);
        answer(reply, 200, await desk.state(client.lasting(call), client, id));
      },
    }),
    pageRoute({
      method: 'PATCH',
      path: uploadPath,
      parameters,
      handle: async ({ call, client, parameters: { id }, raw, reply }) => {
        requireTus(raw.headers);
        const offset = wholeNumber(raw.headers, 'upload-offset');
        const content = contentOf(raw.body);
        const received = await desk.receive(client.lasting(call), client, { id, offset, content });
        answer(reply, 204, received);
      },
    }),
    pageRoute({
      method: 'DELETE',
      path: uploadPath,
      parameters,
      handle: async ({ call, client, parameters: { id }, raw, reply }) => {
        requireTus(raw.headers);
        await desk.cancel(client.lasting(call), client, id);
        answer(reply, 204, null);
      },
    }),
  ];
}

function contentOf(body: unknown): Readable {
  if (isReadable(body as Readable) === true) return body as Readable;
  throw new Refusal('invalid', `the body must have the content type ${tusContentType}`, { status: 415 });
}

function expiryOf({ usedMs }: PageUpload, keepMs: number): string {
  return new Date(usedMs + keepMs).toUTCString();
}

function viewOf({ upload, offset }: UploadState) {
  const { id, path, length, mtimeSeconds } = upload;
  return { url: `${uploadsPath}/${id}`, path, length, mtimeSeconds, offset };
}
