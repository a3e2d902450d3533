import { XMLParser } from 'fast-xml-parser';

/**
 * Parses XML into plain objects whose values are strings. Elements named in `repeated` always become arrays.
 */
export function parseXml(text: string, repeated: readonly string[]): unknown {
  const parser = new XMLParser({
    parseTagValue: false,
    trimValues: false,
    htmlEntities: true,
    removeNSPrefix: true,
    isArray: (name) => repeated.includes(name),
  });
  return parser.parse(text);
}

/**
 * Returns the same pure function with its last result kept: S3 mostly sends the same text for neighbouring
 * objects.
 */
export function rememberingLast<T>(parse: (text: string) => T): (text: string) => T {
  let last: { readonly text: string; readonly parsed: T } | null = null;
  return (text) => {
    if (last?.text !== text) last = { text, parsed: parse(text) };
    return last.parsed;
  };
}
