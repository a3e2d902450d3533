import { createReadStream, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lacking } from '../../ssh/client-programs.js';
import { embeddedSkip } from '../../support/s3-targets.js';
import { missing } from '../../support/tools.js';
import { eventually } from '../../support/wait.js';
import { clients } from './clients.js';
import { expectedCell } from './expected.js';
import { type MatrixGateway, startMatrixGateway } from './matrix-gateway.js';
import { largeFilesPath } from './page.js';

const fileBytes = 5 * 1024 ** 3;
/** Limit of one client, in milliseconds. */
const clientLimitMs = 3_600_000;
/** Time in which a mounted directory closes the file after the program has, in milliseconds. */
const lateCloseMs = 600_000;

const noDrill = process.env['SFTPGW_DRILL'] === 'full' ? null : 'a drill: npm run drill:clients';
const skip = noDrill ?? embeddedSkip ?? missing('ssh', 'ssh-keygen', 'ssh-keyscan');

describe.skipIf(skip !== null)(`files of 5 GiB (${skip ?? 'embedded S3'})`, () => {
  let server: MatrixGateway;

  beforeAll(async () => {
    server = await startMatrixGateway();
  });
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
  });

  for (const [index, client] of clients.entries()) {
    if (expectedCell(client.name, 'put', 'uploads').kind === 'n/a') continue;
    const reason = lacking(...client.needs) ?? client.obstacle?.() ?? null;
    it.skipIf(reason !== null)(
      `go up and down with ${client.name}${reason ? ` (${reason})` : ''}`,
      async () => {
        const { peer, store } = server;
        const work = join(peer.gateway.work, `large-${index}`);
        mkdirSync(work);
        const [sent, back] = [join(work, 'sent'), join(work, 'back')];
        await writeZeros(sent, fileBytes);
        const name = `large-${index}`;
        const session = await client.start(peer, work);
        try {
          expect(await session.put?.(sent, `/uploads/${name}`)).toMatchObject({ kind: 'done' });
          const isStored = async () => (await store.size('uploads', name)) === fileBytes;
          if (session.closesLate === true) await eventually('the file is stored', isStored, lateCloseMs);
          expect(await isStored()).toBe(true);
          expect(await session.get?.(`/uploads/${name}`, back)).toMatchObject({ kind: 'done' });
          expect(await countZeros(back)).toBe(fileBytes);
        } finally {
          await session.close();
          // The step that failed is the one to report.
          await store.remove('uploads', name).catch(() => undefined);
          rmSync(work, { recursive: true, force: true });
        }
        record(client.name, await client.version());
      },
      clientLimitMs,
    );
  }
});

/** Writes each byte: some clients do not send the holes of a sparse file. */
async function writeZeros(path: string, bytes: number): Promise<void> {
  await using file = await open(path, 'wx');
  const zeros = Buffer.alloc(8 * 1024 ** 2);
  for (let left = bytes; left > 0; left -= zeros.byteLength) {
    await file.writeFile(zeros.subarray(0, Math.min(left, zeros.byteLength)));
  }
}

/** Returns the length of a file of zeros in bytes. Throws at another byte. */
async function countZeros(path: string): Promise<number> {
  let count = 0;
  let zeros = Buffer.alloc(0);
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 ** 2 })) {
    const bytes = chunk as Buffer;
    if (zeros.byteLength < bytes.byteLength) zeros = Buffer.alloc(bytes.byteLength);
    if (!bytes.equals(zeros.subarray(0, bytes.byteLength))) throw new Error(`not zero after byte ${count}`);
    count += bytes.byteLength;
  }
  return count;
}

/** Adds a client to the results that docs/CLIENTS.md shows. */
function record(client: string, version: string): void {
  const results = JSON.parse(readFileSync(largeFilesPath, 'utf8')) as Record<string, unknown>;
  results[client] = { version, result: 'ok' };
  writeFileSync(largeFilesPath, `${JSON.stringify(results, null, 2)}\n`);
}
