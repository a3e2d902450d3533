import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import type { MirrorPrefixStatus } from '../../src/model/mirror.js';
import type { Arena } from '../peers/peer.js';
import { mainScript } from '../peers/sftpgw.js';
import type { Row } from '../table.js';
import { credentials, mirrorRoot, prefixOf } from './contenders.js';

const listingScript = resolve(import.meta.dirname, 'listing.js');
const run = promisify(execFile);

/**
 * Measures a pass over objects that are already mirrored, and a bare listing. Excludes the start of both
 * processes.
 */
export async function measureUnchanged(
  arena: Arena,
  user: string,
  count: number,
  rounds: number,
): Promise<readonly Row[]> {
  const root = await mirrorRoot(arena, user);
  const env = { ...process.env, ...credentials(arena) };
  const options = { env, maxBuffer: 2 ** 24 };
  const pass = async (): Promise<number> => {
    const { stdout } = await run(
      process.execPath,
      [mainScript, 'mirror', 'run', '--json', '--root', root],
      options,
    );
    const [status] = JSON.parse(stdout) as readonly MirrorPrefixStatus[];
    const lastPass = status?.lastPass;
    if (lastPass?.result !== 'complete' || lastPass.listed !== count)
      throw new Error(`the pass failed: ${stdout}`);
    return lastPass.durationMs / 1000;
  };
  await pass();
  const passes: number[] = [];
  const listings: number[] = [];
  // The key and the credentials must not be on a command line.
  const shown = JSON.stringify({ ...arena, keyBase64: '', secretAccessKey: '', accessKeyId: '' });
  for (let round = 0; round < rounds; round += 1) {
    passes.push(await pass());
    const { stdout } = await run(process.execPath, [listingScript, shown, prefixOf(user)], options);
    const listed = JSON.parse(stdout) as { readonly count: number; readonly durationMs: number };
    if (listed.count !== count) throw new Error(`${listed.count} objects listed instead of ${count}`);
    listings.push(listed.durationMs / 1000);
  }
  return [
    { name: 'sftpgw, a pass that changes nothing', seconds: passes, cpu: null, failure: null },
    { name: 'ListObjectsV2 alone', seconds: listings, cpu: null, failure: null },
  ];
}
