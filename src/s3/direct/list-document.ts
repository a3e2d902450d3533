import type { ListPage } from '../../model/object-store.js';
import { decodeListed } from '../listed-name.js';
import { parseXml } from '../xml.js';

interface ListDocument {
  readonly ListBucketResult?: {
    readonly Contents?: readonly Partial<Readonly<Record<string, unknown>>>[];
    readonly CommonPrefixes?: readonly { readonly Prefix?: unknown }[];
    readonly EncodingType?: unknown;
    readonly IsTruncated?: unknown;
    readonly NextContinuationToken?: unknown;
  };
}

/** Reads the answer to ListObjectsV2 in any form of XML. Pure. Null when it is not a whole listing. */
export function parseAnyListPage(xml: string): ListPage | null {
  // The parser does not report a document that ends too early.
  if (!/<\/(?:\w+:)?ListBucketResult\s*>\s*$/.test(xml)) return null;
  try {
    return pageOf(parseXml(xml, ['Contents', 'CommonPrefixes']) as ListDocument);
  } catch {
    return null;
  }
}

function pageOf({ ListBucketResult: result }: ListDocument): ListPage | null {
  if (typeof result !== 'object') return null;
  const decode = result.EncodingType === 'url' ? decodeListed : (name: string) => name;
  const isTruncated = textOf(result.IsTruncated) === 'true';
  const token = textOf(result.NextContinuationToken);
  if (isTruncated && token === '') return null;
  const objects = (result.Contents ?? []).map((entry) => ({
    key: decode(textOf(entry['Key'])),
    size: Number(textOf(entry['Size']) || Number.NaN),
    etag: textOf(entry['ETag']),
    lastModifiedMs: Date.parse(textOf(entry['LastModified'])),
  }));
  const isWhole = objects.every(
    ({ key, size, lastModifiedMs }) =>
      key !== '' && Number.isSafeInteger(size) && size >= 0 && !Number.isNaN(lastModifiedMs),
  );
  if (!isWhole) return null;
  return {
    objects,
    prefixes: (result.CommonPrefixes ?? []).map(({ Prefix }) => decode(textOf(Prefix))),
    continuation: isTruncated ? token : null,
  };
}

/** The text of an element; an element with attributes is an object with `#text`. */
function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'object' && value !== null && '#text' in value) return String(value['#text']);
  return '';
}
