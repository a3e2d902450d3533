import type { ListedObject, ListPage } from '../../model/object-store.js';
import { decodeListed } from '../listed-name.js';
import { unescapeXml } from '../xml.js';

/**
 * Reads the usual form of an answer to ListObjectsV2 with `encoding-type=url`: elements without attributes
 * below the root, text, entities and character references. Null for everything else, and for an incomplete
 * page, which a
 * general parser has to read. https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
 */
export function parseListPage(xml: string): ListPage | null {
  const root = /^\uFEFF?(?:<\?xml [^?<>]*\?>)?\s*<ListBucketResult(?: [^<>]*[^<>/])?>/.exec(xml);
  if (root === null || xml.includes('<!')) return null;
  try {
    return readPage(new Reader(xml, root[0].length));
  } catch (error) {
    if (error instanceof UnusualPage) return null;
    throw error;
  }
}

class UnusualPage extends Error {}

function readPage(reader: Reader): ListPage {
  const objects: ListedObject[] = [];
  const prefixes: string[] = [];
  const page = new Map<string, string>();
  reader.children('ListBucketResult', (name) => {
    if (name === 'Contents') objects.push(readObject(reader));
    else if (name === 'CommonPrefixes') {
      reader.children(name, (inner) => {
        if (inner === 'Prefix') prefixes.push(nameOf(reader.text(inner)));
        else reader.skip(inner);
      });
    } else if (pageFields.has(name)) setOnce(page, name, reader.text(name));
    else reader.skip(name);
  });
  reader.end();
  const isTruncated = page.get('IsTruncated');
  const token = page.get('NextContinuationToken');
  const isWhole = isTruncated === 'false' || (isTruncated === 'true' && token !== undefined);
  if (page.get('EncodingType') !== 'url' || !isWhole) throw new UnusualPage();
  return { objects, prefixes, continuation: isTruncated === 'true' ? (token ?? null) : null };
}

const pageFields: ReadonlySet<string> = new Set(['EncodingType', 'IsTruncated', 'NextContinuationToken']);

function setOnce(page: Map<string, string>, name: string, value: string): void {
  if (page.has(name)) throw new UnusualPage();
  page.set(name, value);
}

function readObject(reader: Reader): ListedObject {
  let key: string | null = null;
  let size: string | null = null;
  let etag: string | null = null;
  let lastModified: string | null = null;
  reader.children('Contents', (name) => {
    switch (name) {
      case 'Key':
        key = reader.fresh(key, name);
        break;
      case 'Size':
        size = reader.fresh(size, name);
        break;
      case 'ETag':
        etag = reader.fresh(etag, name);
        break;
      case 'LastModified':
        lastModified = reader.fresh(lastModified, name);
        break;
      default:
        reader.skip(name);
    }
  });
  if (key === null || size === null || etag === null || lastModified === null) throw new UnusualPage();
  return {
    key: nameOf(key),
    size: sizeOf(size),
    etag,
    lastModifiedMs: reader.timeOf(lastModified),
  };
}

function nameOf(encoded: string): string {
  // A slice would keep the whole page in memory while the name is in use.
  if (!/[%+]/.test(encoded)) return Buffer.from(encoded, 'utf8').toString('utf8');
  return decodeListed(encoded);
}

function sizeOf(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new UnusualPage();
  return Number(text);
}

/** Reads the text from start to end, once. */
class Reader {
  readonly #xml: string;
  #at: number;
  /** Neighbouring objects often have the same time. */
  #time = '';
  #timeMs = 0;

  constructor(xml: string, at: number) {
    this.#xml = xml;
    this.#at = at;
  }

  /**
   * Calls `each` after the start tag of every child, which it has to read or skip, until this element's end
   * tag.
   */
  children(parent: string, each: (name: string) => void): void {
    for (;;) {
      const name = this.#tag();
      if (name.charCodeAt(0) === slash) {
        if (name.length !== parent.length + 1 || !name.endsWith(parent)) throw new UnusualPage();
        return;
      }
      if (name.endsWith('/')) continue;
      each(name);
    }
  }

  /** Returns the text of the element whose start tag was read last. */
  text(name: string): string {
    const end = this.#xml.indexOf('<', this.#at);
    const raw = this.#xml.slice(this.#at, end);
    this.#at = end;
    this.#close(name);
    return raw.includes('&') ? unescaped(raw) : raw;
  }

  /** Does the same for an element that may occur only once. */
  fresh(before: string | null, name: string): string {
    if (before !== null) throw new UnusualPage();
    return this.text(name);
  }

  /** Skips the element whose start tag was read last, with its content. */
  skip(name: string): void {
    const closing = `</${name}>`;
    let end = this.#xml.indexOf('<', this.#at);
    if (!this.#xml.startsWith(closing, end)) {
      end = this.#xml.indexOf(closing, this.#at);
      if (end === -1 || this.#xml.slice(this.#at, end).includes(`<${name}>`)) throw new UnusualPage();
    }
    this.#at = end + closing.length;
  }

  end(): void {
    if (this.#xml.slice(this.#at).trim() !== '') throw new UnusualPage();
  }

  timeOf(text: string): number {
    if (text === this.#time) return this.#timeMs;
    if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/.test(text)) throw new UnusualPage();
    const timeMs = Date.parse(text);
    if (Number.isNaN(timeMs)) throw new UnusualPage();
    this.#time = text;
    this.#timeMs = timeMs;
    return timeMs;
  }

  /** Returns the text between the angle brackets of the next tag. Only white space may precede it. */
  #tag(): string {
    const xml = this.#xml;
    let at = this.#at;
    for (let code = xml.charCodeAt(at); code !== opening; code = xml.charCodeAt(at)) {
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) throw new UnusualPage();
      at += 1;
    }
    const end = xml.indexOf('>', at);
    const name = xml.slice(at + 1, end);
    if (end === -1 || !(usualTags.has(name) || plainTag.test(name))) throw new UnusualPage();
    this.#at = end + 1;
    return name;
  }

  #close(name: string): void {
    const closing = `</${name}>`;
    if (this.#at === -1 || !this.#xml.startsWith(closing, this.#at)) throw new UnusualPage();
    this.#at += closing.length;
  }
}

const plainTag = /^\/?[A-Za-z][A-Za-z0-9]*\/?$/;
/** Checked first, because it is faster than the expression. */
const usualTags: ReadonlySet<string> = new Set(
  ['Contents', 'Key', 'LastModified', 'ETag', 'Size', 'StorageClass'].flatMap((name) => [name, `/${name}`]),
);

const opening = 0x3c;
const slash = 0x2f;

function unescaped(text: string): string {
  // ETags contain these.
  const unquoted = text.replaceAll('&quot;', '"');
  if (!unquoted.includes('&')) return unquoted;
  const decoded = unescapeXml(text);
  if (decoded === null) throw new UnusualPage();
  return decoded;
}
