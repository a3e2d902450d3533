import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RequestCounts } from '../support/request-counts.js';
import { s3Targets } from '../support/s3-targets.js';
import { missing } from '../support/tools.js';
import { listingCacheMs, UploadTree } from '../support/upload-tree.js';
import { TestSftpServer } from './test-sftp-server.js';

const programs = missing('sftp', 'ssh-keygen', 'ssh-keyscan');
const fileCount = 20;

for (const target of await s3Targets()) {
  const skip = target.skip ?? programs;
  describe.skipIf(skip !== null)(
    `the cost of small files, with OpenSSH sftp into ${target.name}${skip ? ` (${skip})` : ''}`,
    () => {
      const counts = new RequestCounts();
      const content = randomBytes(4096);
      let tree: UploadTree;
      let server: TestSftpServer;
      let used = 0;
      /** The clock of listings, which only these tests move. */
      let listingsMs = 0;
      let directory: string;
      const local = (name: string) => join(server.directory, name);

      beforeAll(async () => {
        tree = await UploadTree.open(target, { measures: counts.measures, listingsMs: () => listingsMs });
        server = await TestSftpServer.open({}, tree.factory);
        await mkdir(local('small'));
        for (let index = 0; index < fileCount; index += 1)
          await writeFile(local(`small/file-${index}`), content);
      });
      afterAll(async () => {
        await server?.[Symbol.asyncDispose]();
        await tree?.[Symbol.asyncDispose]();
        await target.close();
      });
      beforeEach(async () => {
        used += 1;
        directory = `/uploads/d${used}`;
        const session = await tree.login();
        await session.mkdir(directory);
        forgetListings();
        await takeCounts();
      });

      /** Returns the requests and commits so far. A read commits a confirmation that waits for the next upload. */
      async function takeCounts(): Promise<Readonly<Record<string, number>>> {
        await tree.ledger.pending(0);
        return counts.take();
      }

      function forgetListings(): void {
        listingsMs += listingCacheMs;
      }

      /** Runs the commands in one session. Returns the requests and commits that they take. */
      async function costOf(...commands: readonly string[]): Promise<Readonly<Record<string, number>>> {
        await takeCounts();
        const { code, stderr } = await server.sftp(commands.join('\n'));
        expect([code, stderr]).toEqual([0, '']);
        return await takeCounts();
      }

      /** A file's confirmation shares the commit of the next file, unless the client takes longer than 20 ms. */
      function expectSharedCommits(commits: number): void {
        expect(commits).toBeGreaterThan(fileCount);
        expect(commits).toBeLessThan(2 * fileCount);
      }

      it('is one list, one PUT and two commits for the first file: STAT, OPEN, WRITE and CLOSE', async () => {
        const cost = { list: 1, put: 1, commits: 2 };
        expect(await costOf(`put small/file-0 ${directory}/a`)).toEqual(cost);
        expect(await costOf(`put -p small/file-0 ${directory}/b`)).toEqual(cost);
      });

      it('is one PUT and two commits in a directory that was listed', async () => {
        await costOf(`ls ${directory}`);
        const cost = { put: 1, commits: 2 };
        expect(await costOf(`put small/file-0 ${directory}/a`)).toEqual(cost);
        expect(await costOf(`put -p small/file-0 ${directory}/b`)).toEqual(cost);
        const { commits = 0, ...requests } = await costOf(`put small/* ${directory}/`);
        expect(requests).toEqual({ put: fileCount });
        expectSharedCommits(commits);
      });

      it('is one PUT and about one commit for each of many files, and one list', async () => {
        const { commits = 0, ...requests } = await costOf(`put small/* ${directory}/`);
        expect(requests).toEqual({ list: 1, put: fileCount });
        expectSharedCommits(commits);
      });

      it('is one list and one GET to fetch the first file: LSTAT, STAT, OPEN, READ and CLOSE', async () => {
        await costOf(`put small/file-0 ${directory}/a`);
        forgetListings();
        expect(await costOf(`get ${directory}/a back`)).toEqual({ list: 1, read: 1, commits: 0 });
        expect((await readFile(local('back'))).equals(content)).toBe(true);
      });

      it('is one GET to fetch a file of a directory that was listed', async () => {
        await costOf(`put small/* ${directory}/`);
        await costOf(`ls ${directory}`);
        expect(await costOf(`get ${directory}/file-0 back`)).toEqual({ read: 1, commits: 0 });
        await mkdir(local(`back-${used}`));
        const { list, ...others } = await costOf(`get ${directory}/* back-${used}/`);
        // The client lists the directory itself.
        expect([list, others]).toEqual([1, { read: fileCount, commits: 0 }]);
      });
    },
  );
}
