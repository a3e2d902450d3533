import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import type { Arena } from '../peers/peer.js';
import { s3Client } from './objects.js';

/**
 * Lists a prefix with the SDK and does nothing else: the minimal cost of a pass. It runs in its own process,
 * like a pass.
 */
const [arenaText = '', prefix = ''] = process.argv.slice(2);
const arena = JSON.parse(arenaText) as Arena;
const client = s3Client({
  ...arena,
  accessKeyId: process.env['AWS_ACCESS_KEY_ID'] ?? '',
  secretAccessKey: process.env['AWS_SECRET_ACCESS_KEY'] ?? '',
});
const start = performance.now();
let count = 0;
for (let token: string | undefined; ; ) {
  const page: { Contents?: unknown[] | undefined; NextContinuationToken?: string | undefined } =
    await client.send(
      new ListObjectsV2Command({
        Bucket: arena.bucket,
        Prefix: prefix,
        ...(token === undefined ? {} : { ContinuationToken: token }),
      }),
    );
  count += page.Contents?.length ?? 0;
  token = page.NextContinuationToken;
  if (token === undefined) break;
}
process.stdout.write(JSON.stringify({ count, durationMs: performance.now() - start }));
