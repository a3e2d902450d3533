import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Agent } from 'node:https';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import type { Arena } from '../peers/peer.js';

const parallel = 32;

/** Returns an SDK client with usual settings. */
export function s3Client(arena: Omit<Arena, 'work'>): S3Client {
  return new S3Client({
    endpoint: arena.endpoint,
    region: arena.region,
    forcePathStyle: true,
    credentials: { accessKeyId: arena.accessKeyId, secretAccessKey: arena.secretAccessKey },
    requestHandler: new NodeHttpHandler({
      httpsAgent: new Agent({ ca: readFileSync(arena.caFile), keepAlive: true, maxSockets: parallel }),
    }),
  });
}

/** Puts an object of random bytes, encrypted with the arena's key. */
export async function putRandom(client: S3Client, arena: Arena, name: string, bytes: number): Promise<void> {
  await client.send(
    new PutObjectCommand({
      Bucket: arena.bucket,
      Key: name,
      Body: randomBytes(bytes),
      SSECustomerAlgorithm: 'AES256',
      SSECustomerKey: arena.keyBase64,
    }),
  );
}

/** Puts a number of objects of one size, spread over ten directories below the prefix. */
export async function putMany(
  client: S3Client,
  arena: Arena,
  prefix: string,
  count: number,
  bytes: number,
): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) {
      await putRandom(client, arena, `${prefix}d${index % 10}/f${String(index).padStart(7, '0')}`, bytes);
    }
  };
  // Large bodies are in memory, so only two at a time.
  await Promise.all(Array.from({ length: bytes > 2 ** 20 ? 2 : parallel }, work));
}
