import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below the ports that Linux gives to outgoing connections (32768 and above): a connection of another test cannot
 * take the port of a server while it restarts.
 */
const range = { from: 12_000, to: 32_000 };
const maxAttempts = 100;

/** Returns a TCP port of 127.0.0.1 on which nothing listens, for a server that keeps it over restarts. */
export async function freePort(): Promise<number> {
  for (let attempt = 1; attempt <= maxAttempts; attempt += 1) {
    const port = randomInt(range.from, range.to);
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port between ${range.from} and ${range.to}`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
