import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { GetObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { inParallel, timedSeconds } from '../measure.js';
import { s3Client } from '../mirror/objects.js';
import type { Arena, Peer } from '../peers/peer.js';
import { timed } from '../process.js';
import {
  downloadLarge,
  downloadSmall,
  type Files,
  sha256,
  smallNames,
  uploadLarge,
  uploadSmall,
} from '../workload.js';
import { bareSdk, type DisciplineName } from './disciplines.js';

/** Runs one discipline once and returns the duration in seconds. */
export type RunOnce = (round: number) => Promise<number>;

/** A gateway, or a client of S3 without one. */
export interface Contender extends AsyncDisposable {
  readonly name: string;
  /** Absent for a discipline in which the contender does not take part. */
  readonly disciplines: Partial<Readonly<Record<DisciplineName, RunOnce>>>;
  /** Null for clients of S3. */
  readonly usage: Pick<Peer, 'cpuSeconds' | 'peakMemoryMib'> | null;
}

/** The files and directories that all contenders share. */
export interface Course {
  readonly files: Files;
  /** A directory in a memory file system. */
  readonly scratch: string;
}

/** Returns a gateway that OpenSSH's `sftp` uses. */
export function gatewayContender(arena: Arena, peer: Peer, { files, scratch }: Course): Contender {
  const fetched = 'fetched';
  const firstUpload = once(() => uploadLarge(arena, peer, files));
  const firstSmall = once(() => uploadSmall(arena, peer, files, { name: fetched, sessions: 1 }));
  return {
    name: peer.name,
    usage: peer,
    disciplines: {
      small: (round) => uploadSmall(arena, peer, files, { name: `small-${round}`, sessions: 1 }),
      'small-eight': (round) => uploadSmall(arena, peer, files, { name: `eight-${round}`, sessions: 8 }),
      'small-get': async () => {
        await firstSmall();
        const target = mkdtempSync(join(scratch, 'small-'));
        try {
          return await downloadSmall(arena, peer, files, { name: fetched, target });
        } finally {
          rmSync(target, { recursive: true });
        }
      },
      upload: () => uploadLarge(arena, peer, files),
      download: async () => {
        await firstUpload();
        const target = join(scratch, 'back.bin');
        try {
          const seconds = await downloadLarge(arena, peer, target);
          if ((await sha256(target)) !== files.largeSha256) throw new Error('returned other content');
          return seconds;
        } finally {
          rmSync(target, { force: true });
        }
      },
    },
    [Symbol.asyncDispose]: () => peer[Symbol.asyncDispose](),
  };
}

/** Returns `aws s3 cp` without SFTP: the rate of a usual client on this network and S3 server. */
export function awsContender(arena: Arena, { files }: Course): Contender {
  const env = {
    AWS_ACCESS_KEY_ID: arena.accessKeyId,
    AWS_SECRET_ACCESS_KEY: arena.secretAccessKey,
    AWS_DEFAULT_REGION: arena.region,
    AWS_CA_BUNDLE: arena.caFile,
  };
  const key = ['--sse-c', 'AES256', '--sse-c-key', `fileb://${arena.keyFile}`];
  const object = `s3://${arena.bucket}/direct.bin`;
  const copy = (from: string, to: string) =>
    timed('aws', ['s3', 'cp', '--quiet', '--endpoint-url', arena.endpoint, ...key, from, to], { env });
  const firstUpload = once(() => copy(files.large, object));
  return {
    name: 'aws s3 cp, no SFTP',
    usage: null,
    disciplines: {
      upload: () => copy(files.large, object),
      download: async () => {
        await firstUpload();
        const back = join(arena.work, 'back');
        try {
          return await copy(object, back);
        } finally {
          rmSync(back, { force: true });
        }
      },
    },
    async [Symbol.asyncDispose]() {},
  };
}

/** Returns the AWS SDK without SFTP, with as many requests at once as its name says. */
export function bareSdkContender(arena: Arena, course: Course, atOnce: 1 | 8): Contender {
  const client = s3Client(arena);
  const encryption = { SSECustomerAlgorithm: 'AES256', SSECustomerKey: arena.keyBase64 };
  const object = (directory: string, name: string) => ({
    Bucket: arena.bucket,
    Key: `bare-${atOnce}/${directory}/${name}`,
    ...encryption,
  });
  const names = smallNames(course.files);
  const put: RunOnce = async (round) => {
    const putOne = async (name: string) => {
      const content = readFileSync(join(course.files.smallDirectory, name));
      await client.send(new PutObjectCommand({ ...object(String(round), name), Body: content }));
    };
    return await timedSeconds(() => inParallel(atOnce, names, putOne));
  };
  const firstPut = once(() => put(-1));
  const get: RunOnce = async () => {
    await firstPut();
    const getOne = (name: string) => fetchOnce(client, object('-1', name));
    return await timedSeconds(() => inParallel(atOnce, names, getOne));
  };
  return {
    name: atOnce === 1 ? bareSdk.alone : bareSdk.eight,
    usage: null,
    disciplines: atOnce === 1 ? { small: put, 'small-get': get } : { 'small-eight': put },
    async [Symbol.asyncDispose]() {
      client.destroy();
    },
  };
}

async function fetchOnce(
  client: S3Client,
  input: ConstructorParameters<typeof GetObjectCommand>[0],
): Promise<void> {
  const { Body } = await client.send(new GetObjectCommand(input));
  await Body?.transformToByteArray();
}

function once<T>(work: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | null = null;
  return () => {
    result ??= work();
    return result;
  };
}

/** Creates a directory in the memory file system, and removes it when it is disposed. */
export function memoryDirectory(): Disposable & { readonly path: string } {
  mkdirSync('/dev/shm', { recursive: true });
  const path = mkdtempSync('/dev/shm/sftpgw-bench-');
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}
