import { createServer, request } from 'node:http';
import { freePort } from '../process.js';

/** Counts the requests to an S3 server by kind. */
export interface CountingProxy extends AsyncDisposable {
  readonly port: number;
  readonly counts: Map<string, number>;
}

/** Starts a proxy on a loopback port in front of another one. It counts the requests and passes them on unchanged. */
export async function startCountingProxy(targetPort: number): Promise<CountingProxy> {
  const counts = new Map<string, number>();
  const server = createServer((incoming, outgoing) => {
    const kind = `${incoming.method} ${incoming.url?.includes('list-type=2') ? 'list' : 'object'}`;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
    const { method, url, headers } = incoming;
    const forward = request({ port: targetPort, host: '127.0.0.1', method, path: url, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      answer.pipe(outgoing);
    });
    forward.on('error', () => outgoing.destroy());
    incoming.on('error', () => forward.destroy());
    incoming.pipe(forward);
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    port,
    counts,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
