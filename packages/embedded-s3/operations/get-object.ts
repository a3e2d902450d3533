import { checkReadConditions } from '../conditions.js';
import { refuseEncryptionHeader, resolveReadKey } from '../encryption-headers.js';
import { invalidArgument, invalidRequest, S3Error } from '../errors.js';
import { type Answer, type AnswerHeaders, emptyAnswer } from '../http/answer.js';
import type { ObjectRequest } from '../http/request.js';
import { checksumAnswer, objectAnswer } from '../object-headers.js';
import { type ResolvedRange, resolveRange } from '../ranges.js';
import type { KeptChecksum, ObjectVersion, Segment } from '../storage/records.js';
import { isVersioned, requireBucket, type ServerContext } from './context.js';
import { findVersion } from './find-version.js';
import { streamSegments } from './read-stream.js';

interface Selected {
  readonly version: ObjectVersion;
  readonly customerKey: Uint8Array | null;
  readonly status: number;
  readonly range: ResolvedRange;
  readonly headers: AnswerHeaders;
}

interface SelectedPart {
  readonly range: ResolvedRange;
  /** The number of parts; undefined for an object from a single PUT. */
  readonly count: number | undefined;
  readonly checksum: KeptChecksum | null;
}

/** GetObject. https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html */
export async function getObject(server: ServerContext, request: ObjectRequest): Promise<Answer> {
  // Reading the rows and pinning the bodies happen without a wait, so that no overwrite can come
  // between.
  const { version, customerKey, status, range, headers } = select(server, request);
  const segments = server.store.versions.segments(version.sequence);
  const release = server.store.pin(segments);
  const { start, end } = range;
  const body = await streamSegments(server.store, segments, customerKey, start, end, release);
  return { status, headers, body };
}

/** HeadObject. https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html */
export async function headObject(server: ServerContext, request: ObjectRequest): Promise<Answer> {
  const { status, range, headers } = select(server, request);
  return emptyAnswer(status, { ...headers, 'content-length': String(range.end - range.start) });
}

function select(server: ServerContext, request: ObjectRequest): Selected {
  const bucket = requireBucket(server, request.bucket);
  refuseEncryptionHeader(request.headers);
  const version = findVersion(server, bucket, request);
  const customerKey = resolveReadKey(request.headers, version.encryption, server.store.keys);
  checkReadConditions(request.headers, version);
  const part = selectPart(server, request, version);
  const range = part?.range ?? resolveRange(request.headers['range'], version.size);
  const wantsChecksum = request.headers['x-amz-checksum-mode']?.toUpperCase() === 'ENABLED';
  const headers: AnswerHeaders = {
    ...objectAnswer(version, request, customerKey, isVersioned(bucket)),
    ...(wantsChecksum ? checksumAnswer(part === null ? wholeChecksum(version, range) : part.checksum) : {}),
    'x-amz-mp-parts-count': part?.count === undefined ? undefined : String(part.count),
    'content-range':
      range === null || range.start === range.end
        ? undefined
        : `bytes ${range.start}-${range.end - 1}/${version.size}`,
  };
  return {
    version,
    customerKey: customerKey?.key ?? null,
    status: range === null ? 200 : 206,
    range: range ?? { start: 0, end: version.size },
    headers,
  };
}

/**
 * Returns the range and the checksum of the part that `partNumber` names, and the number of parts;
 * null without the parameter.
 */
function selectPart(
  server: ServerContext,
  request: ObjectRequest,
  version: ObjectVersion,
): SelectedPart | null {
  const text = request.query.get('partNumber');
  if (text === null) return null;
  if (request.headers['range'] !== undefined) {
    throw invalidRequest('Cannot specify both Range header and partNumber query parameter');
  }
  if (!/^\d{1,5}$/.test(text) || Number(text) < 1 || Number(text) > 10_000) {
    throw invalidArgument(
      'Part number must be an integer between 1 and 10000, inclusive',
      'partNumber',
      text,
    );
  }
  const segments: readonly Segment[] = server.store.versions.segments(version.sequence);
  let start = 0;
  for (const segment of segments) {
    const isIt = version.partsCount === null ? Number(text) === 1 : segment.partNumber === Number(text);
    if (isIt) {
      return {
        range: { start, end: start + segment.size },
        count: version.partsCount ?? undefined,
        checksum: partChecksum(version, segment),
      };
    }
    start += segment.size;
  }
  throw new S3Error('InvalidPartNumber', 416, 'The requested partnumber is not satisfiable', {
    details: { PartNumberRequested: text, ActualPartCount: String(segments.length) },
  });
}

/** Returns the checksum of the whole object, for an answer with all of it. */
function wholeChecksum(version: ObjectVersion, range: ResolvedRange | null): KeptChecksum | null {
  return range === null ? version.checksum : null;
}

/** Returns a part's own checksum; that of the object if it was not uploaded in parts. */
function partChecksum({ checksum, partsCount }: ObjectVersion, segment: Segment): KeptChecksum | null {
  if (checksum === null || partsCount === null) return checksum;
  return segment.checksum === null ? null : { ...checksum, value: segment.checksum };
}
