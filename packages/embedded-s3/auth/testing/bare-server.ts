import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createChecksum } from '../../checksums/checksum.js';
import { declaredChecksum, verifyDeclared } from '../../checksums/declared.js';
import { authenticate, type CredentialLookup, S3AuthError } from '../authenticate.js';

/** One accepted request. */
export interface Heard {
  readonly method: string;
  readonly url: string;
  /** How the payload was signed: `x-amz-content-sha256`, with `hash` for any hash. */
  readonly payload: string;
  readonly body: Buffer;
  readonly decodedLength: number | null;
  /** The algorithm of the checksum that was sent and verified. */
  readonly checksum: string | null;
  readonly contentEncoding: string | null;
}

export interface BareServer {
  readonly endpoint: string;
  readonly port: number;
  /** Returns the requests accepted since the last call. */
  take(): readonly Heard[];
  close(): Promise<void>;
}

/** An HTTP server that only authenticates, reads and verifies. It answers 200, or refuses as S3 would. */
export async function startBareServer(
  credentials: CredentialLookup,
  now: () => number = Date.now,
): Promise<BareServer> {
  let heard: Heard[] = [];
  const server = createServer((request, response) => {
    hear(request, credentials, now()).then(
      (accepted) => {
        heard.push(accepted);
        response.setHeader('ETag', '"0"');
        response.end();
      },
      (error: unknown) => {
        const { code, status, message } =
          error instanceof S3AuthError ? error : new S3AuthError('InternalError', 500, String(error));
        response.statusCode = status;
        response.setHeader('Content-Type', 'application/xml');
        response.end(`<Error><Code>${code}</Code><Message>${message}</Message></Error>`);
        request.resume();
      },
    );
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    port,
    take: () => {
      const taken = heard;
      heard = [];
      return taken;
    },
    close: () => closed(server),
  };
}

async function hear(request: IncomingMessage, credentials: CredentialLookup, nowMs: number): Promise<Heard> {
  const authenticated = await authenticate(request, credentials, nowMs);
  const declared = declaredChecksum(request.headers);
  const checksum = declared === null ? null : createChecksum(declared.algorithm);
  const pieces: Uint8Array[] = [];
  for await (const piece of authenticated.body) {
    checksum?.update(piece);
    pieces.push(piece);
  }
  if (declared && checksum) verifyDeclared(declared, checksum.digestBase64(), authenticated.trailers());
  return {
    method: request.method ?? '',
    url: request.url ?? '',
    payload: String(request.headers['x-amz-content-sha256']).replace(/^[0-9a-f]{64}$/, 'hash'),
    body: Buffer.concat(pieces),
    decodedLength: authenticated.decodedLength,
    checksum: declared?.algorithm ?? null,
    contentEncoding: authenticated.contentEncoding,
  };
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
