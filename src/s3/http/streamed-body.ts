import type { PutObjectCommandInput } from '@aws-sdk/client-s3';
import type { ReplayableBody } from '../../model/object-store.js';
import { algorithmInput, checksumInput } from '../checksum-headers.js';
import type { ChecksumSetting } from '../options.js';

interface StreamedInput {
  Body: NonNullable<PutObjectCommandInput['Body']>;
  ContentLength: number;
  ChecksumAlgorithm?: 'CRC32' | 'CRC32C';
  ChecksumCRC32?: string;
  ChecksumCRC32C?: string;
}

/**
 * Returns a body for PutObject or UploadPart that the SDK neither reads nor hashes. The SDK passes it to the
 * transport like a stream, signs `UNSIGNED-PAYLOAD`, and adds no checksum because there is one. Ceph verifies
 * the checksum of a PutObject only if the algorithm is named too.
 */
export function streamed(body: ReplayableBody, checksums: ChecksumSetting): StreamedInput {
  return {
    Body: body as unknown as StreamedInput['Body'],
    ContentLength: body.byteLength,
    ...(checksums === 'none'
      ? {}
      : { ChecksumAlgorithm: algorithmInput[body.checksum.algorithm], ...checksumInput(body.checksum) }),
  };
}
