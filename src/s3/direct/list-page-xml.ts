import type { ListedObject, ListPage } from '../../model/object-store.js';
import { decodeListed } from '../listed-name.js';

/**
 * Reads the answer to ListObjectsV2 with `encoding-type=url`. Only what such answers are made of: elements without attributes
 * below the first one, text, the five entities. Null for everything else, and for a page that lacks what a page has: a whole
 * parser has to look at it. https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
 */
export function parseListPage(xml: string): ListPage | null {
  const root = /^\uFEFF?(?:<\?xml [^?<>]*\?>)?\s*<ListBucketResult(?: [^<>]*[^<>/])?>/.exec(xml);
  if (root === null || xml.includes('<!')) return null;
  try {
    return readPage(new Reader(xml, root[0].length));
  } catch (error) {
    if (error instanceof NotUnderstood) return null;
    throw error;
  }
}

class NotUnderstood extends Error {}

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
  if (page.get('EncodingType') !== 'url' || !isWhole) throw new NotUnderstood();
  return { objects, prefixes, continuation: isTruncated === 'true' ? (token ?? null) : null };
}

const pageFields: ReadonlySet<string> = new Set(['EncodingType', 'IsTruncated', 'NextContinuationToken']);

function setOnce(page: Map<string, string>, name: string, value: string): void {
  if (page.has(name)) throw new NotUnderstood();
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
  if (key === null || size === null || etag === null || lastModified === null) throw new NotUnderstood();
  return {
    key: nameOf(key),
    size: sizeOf(size),
    etag,
    lastModifiedMs: reader.timeOf(lastModified),
  };
}

function nameOf(encoded: string): string {
  // A slice would keep the text of the whole page in memory for as long as the name is used.
  if (!/[%+]/.test(encoded)) return Buffer.from(encoded, 'utf8').toString('utf8');
  return decodeListed(encoded);
}

function sizeOf(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new NotUnderstood();
  return Number(text);
}

/** Goes through the text once. */
class Reader {
  readonly #xml: string;
  #at: number;
  /** Objects that were put together have the same second. */
  #time = '';
  #timeMs = 0;

  constructor(xml: string, at: number) {
    this.#xml = xml;
    this.#at = at;
  }

  /** Calls `each` behind the start tag of every child, which has to read or skip it, until this element's end tag. */
  children(parent: string, each: (name: string) => void): void {
    for (;;) {
      const name = this.#tag();
      if (name.charCodeAt(0) === slash) {
        if (name.length !== parent.length + 1 || !name.endsWith(parent)) throw new NotUnderstood();
        return;
      }
      if (name.endsWith('/')) continue;
      each(name);
    }
  }

  /** The text of the element whose start tag was read last. */
  text(name: string): string {
    const end = this.#xml.indexOf('<', this.#at);
    const raw = this.#xml.slice(this.#at, end);
    this.#at = end;
    this.#close(name);
    return raw.includes('&') ? unescaped(raw) : raw;
  }

  /** The same for one that may be there once only. */
  fresh(before: string | null, name: string): string {
    if (before !== null) throw new NotUnderstood();
    return this.text(name);
  }

  /** Past the element whose start tag was read last, whatever is in it. */
  skip(name: string): void {
    const closing = `</${name}>`;
    let end = this.#xml.indexOf('<', this.#at);
    if (!this.#xml.startsWith(closing, end)) {
      end = this.#xml.indexOf(closing, this.#at);
      if (end === -1 || this.#xml.slice(this.#at, end).includes(`<${name}>`)) throw new NotUnderstood();
    }
    this.#at = end + closing.length;
  }

  end(): void {
    if (this.#xml.slice(this.#at).trim() !== '') throw new NotUnderstood();
  }

  timeOf(text: string): number {
    if (text === this.#time) return this.#timeMs;
    if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/.test(text)) throw new NotUnderstood();
    const timeMs = Date.parse(text);
    if (Number.isNaN(timeMs)) throw new NotUnderstood();
    this.#time = text;
    this.#timeMs = timeMs;
    return timeMs;
  }

  /** What is between the angle brackets of the next tag, which only white space may precede. */
  #tag(): string {
    const xml = this.#xml;
    let at = this.#at;
    for (let code = xml.charCodeAt(at); code !== opening; code = xml.charCodeAt(at)) {
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) throw new NotUnderstood();
      at += 1;
    }
    const end = xml.indexOf('>', at);
    const name = xml.slice(at + 1, end);
    if (end === -1 || !(usualTags.has(name) || plainTag.test(name))) throw new NotUnderstood();
    this.#at = end + 1;
    return name;
  }

  #close(name: string): void {
    const closing = `</${name}>`;
    if (this.#at === -1 || !this.#xml.startsWith(closing, this.#at)) throw new NotUnderstood();
    this.#at += closing.length;
  }
}

const plainTag = /^\/?[A-Za-z][A-Za-z0-9]*\/?$/;
/** Faster than the expression. */
const usualTags: ReadonlySet<string> = new Set(
  ['Contents', 'Key', 'LastModified', 'ETag', 'Size', 'StorageClass'].flatMap((name) => [name, `/${name}`]),
);

const opening = 0x3c;
const slash = 0x2f;

const entities: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&apos;': "'",
};

function unescaped(text: string): string {
  // An ETag's own.
  const unquoted = text.replaceAll('&quot;', '"');
  if (!unquoted.includes('&')) return unquoted;
  return text.replace(/&[^;]*;?/g, (entity) => {
    const character = entities[entity];
    if (character === undefined) throw new NotUnderstood();
    return character;
  });
}
