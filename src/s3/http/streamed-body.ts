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
 * A body for PutObject or UploadPart that the SDK neither reads nor hashes: it hands what it takes for a stream on to
 * the transport, signs `UNSIGNED-PAYLOAD`, and adds no checksum since there is one. Ceph verifies the checksum of a
 * PutObject only when the algorithm is named too.
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
