import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFileSync, existsSync, readFileSync, watch, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { peakMemoryMib } from '../measure.js';
import type { Arena } from '../peers/peer.js';
import { mainScript } from '../peers/sftpgw.js';
import { asServer, freePort, listening, stop, timed } from '../process.js';
import { credentials, mirrorRoot, prefixOf } from './contenders.js';
import { putRandom, s3Client } from './objects.js';

const everyMs = 10;
const fileBytes = 4096;
const lastFileMs = 30_000;
const uploadMib = 256;

/** The measurements of one run with events. */
export interface EventTimes {
  /** The seconds from the event to the file, per object. */
  readonly seconds: readonly number[];
  readonly lost: number;
  readonly peakMib: number;
}

/**
 * Sends a gateway events of a hundred new objects per second and measures when their files appear. With `isUploading`,
 * the user uploads one large file after the other meanwhile.
 */
export async function measureEvents(
  arena: Arena,
  user: string,
  count: number,
  isUploading: boolean,
): Promise<EventTimes> {
  const eventPort = await freePort();
  const sftpPort = await freePort();
  const root = await mirrorRoot(arena, user, [`events.listen=127.0.0.1:${eventPort}`, 'mirror.interval=1d']);
  const child = asServer(
    spawn(process.execPath, [mainScript, 'serve', '--root', root, '--sftp-listen', `127.0.0.1:${sftpPort}`], {
      env: { ...process.env, ...credentials(arena) },
      stdio: 'ignore',
    }),
  );
  const client = s3Client(arena);
  const directory = join(root, 'home', user, 'home', user, 'downloads');
  try {
    await listening(sftpPort);
    // The first pass creates the directory.
    while (!existsSync(directory)) await delay(20);
    const secret = readFileSync(join(root, 'var/lib/sftpgw/events.secret'), 'utf8').trim();
    const sent = new Map<string, number>();
    const seconds: number[] = [];
    const watcher = watch(directory, (_event, name) => {
      const at = name === null ? undefined : sent.get(name);
      if (name === null || at === undefined) return;
      sent.delete(name);
      seconds.push((performance.now() - at) / 1000);
    });
    const agent = new Agent({ keepAlive: true });
    await using _uploads = isUploading ? startUploads(arena, user, sftpPort) : null;
    const start = performance.now();
    const running: Promise<void>[] = [];
    for (let index = 0; index < count; index += 1) {
      await delay(Math.max(0, start + index * everyMs - performance.now()));
      const name = `e${index}`;
      const one = async (): Promise<void> => {
        await putRandom(client, arena, prefixOf(user) + name, fileBytes);
        sent.set(name, performance.now());
        await post(eventPort, secret, agent, arena.bucket, prefixOf(user) + name);
      };
      running.push(one());
    }
    await Promise.all(running);
    const end = performance.now() + lastFileMs;
    while (sent.size > 0 && performance.now() < end) await delay(20);
    watcher.close();
    agent.destroy();
    return { seconds, lost: sent.size, peakMib: peakMemoryMib(child.pid ?? 0) };
  } finally {
    client.destroy();
    await stop(child);
  }
}

/** Uploads a large file again and again until disposal. */
function startUploads(arena: Arena, user: string, port: number): AsyncDisposable {
  const file = join(arena.work, 'upload.bin');
  const bytes = randomBytes(2 ** 20);
  writeFileSync(file, '');
  for (let written = 0; written < uploadMib; written += 1) appendFileSync(file, bytes);
  const options = ['BatchMode=yes', 'StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null'];
  const flags = ['-q', '-i', arena.identity, '-P', String(port), ...options.flatMap((one) => ['-o', one])];
  let isStopped = false;
  const run = async (): Promise<void> => {
    while (!isStopped) {
      await timed('sftp', [...flags, '-b', '-', `${user}@127.0.0.1`], {
        input: `put ${file} /uploads/large\n`,
      });
    }
  };
  const running = run();
  return {
    async [Symbol.asyncDispose]() {
      isStopped = true;
      await running;
    },
  };
}

function post(port: number, secret: string, agent: Agent, bucket: string, key: string): Promise<void> {
  const record = { eventName: 'ObjectCreated:Put', s3: { bucket: { name: bucket }, object: { key } } };
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        host: '127.0.0.1',
        port,
        path: '/events/s3',
        method: 'POST',
        agent,
        headers: { authorization: `Bearer ${secret}` },
      },
      (answer) => {
        answer.resume();
        if (answer.statusCode === 204) resolve();
        else reject(new Error(`the event was answered with ${answer.statusCode}`));
      },
    );
    asked.on('error', reject);
    asked.end(JSON.stringify({ Records: [record] }));
  });
}
