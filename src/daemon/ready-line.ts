import type { ListenAddress } from '../config/values.js';

/** Returns the line with the word `ready`. `s3Endpoint` is that of the embedded server; null without it. */
export function readyLine(
  { host, port }: ListenAddress,
  s3Endpoint: string | null,
  bucket: string,
  workers: number,
): string {
  const s3 = s3Endpoint === null ? '' : `, S3 at ${s3Endpoint}`;
  const processes = workers === 1 ? '' : `, ${workers} workers`;
  return `ready: SFTP on ${host.includes(':') ? `[${host}]` : host}:${port}${s3}, bucket ${bucket}${processes}`;
}
