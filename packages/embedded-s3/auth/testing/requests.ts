import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { authenticate, type CredentialLookup } from '../authenticate.js';

/** The key pair and the bucket in AWS's documentation. */
export const example = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  timestamp: '20130524T000000Z',
  nowMs: Date.UTC(2013, 4, 24),
  host: 'examplebucket.s3.amazonaws.com',
};

export const exampleCredentials: CredentialLookup = (accessKeyId) =>
  accessKeyId === example.accessKeyId ? example : null;

export interface WireRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: readonly Uint8Array[];
}

/** Returns a request as Node's parser would, without a connection. */
export function receive({ method, url, headers, body }: WireRequest): IncomingMessage {
  const message = new IncomingMessage(new Socket());
  message.method = method;
  message.url = url;
  message.rawHeaders = headers.flat();
  const joined: Record<string, string> = {};
  for (const [name, value] of headers) {
    const key = name.toLowerCase();
    joined[key] = key in joined ? `${joined[key]}, ${value}` : value;
  }
  message.headers = joined;
  for (const piece of body) message.push(piece);
  message.push(null);
  message.complete = true;
  return message;
}

export interface Accepted {
  readonly body: Buffer;
  readonly decodedLength: number | null;
  readonly trailers: Readonly<Record<string, string>>;
}

/** Authenticates the request and reads its body to the end. */
export async function accept(request: WireRequest, nowMs = example.nowMs): Promise<Accepted> {
  const authenticated = await authenticate(receive(request), exampleCredentials, nowMs);
  const pieces: Uint8Array[] = [];
  for await (const piece of authenticated.body) pieces.push(piece);
  return {
    body: Buffer.concat(pieces),
    decodedLength: authenticated.decodedLength,
    trailers: Object.fromEntries(authenticated.trailers()),
  };
}

/** Returns the request with its header replaced by the result of `change`; null removes it. */
export function changed(
  request: WireRequest,
  header: string,
  change: (value: string) => string | null,
): WireRequest {
  const headers = request.headers.flatMap(([name, value]) => {
    if (name.toLowerCase() !== header) return [[name, value] as const];
    const other = change(value);
    return other === null ? [] : [[name, other] as const];
  });
  return { ...request, headers };
}
