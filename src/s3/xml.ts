import { XMLParser } from 'fast-xml-parser';

/**
 * Parses XML into plain objects whose values are strings. Elements named in `repeated` always become arrays.
 */
export function parseXml(text: string, repeated: readonly string[]): unknown {
  const parser = new XMLParser({
    parseTagValue: false,
    trimValues: false,
    // The parser would drop references to control characters, which names and tokens of Ceph contain.
    processEntities: false,
    tagValueProcessor: (_name, value) => unescapeXml(value) ?? value,
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

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** Decodes the five entities and all character references of a text. Null for any other entity. */
export function unescapeXml(text: string): string | null {
  if (!text.includes('&')) return text;
  let isKnown = true;
  const decoded = text.replace(
    /&(?:#x([0-9A-Fa-f]{1,6})|#([0-9]{1,7})|([a-z]{2,4}));|&/g,
    (entity, hex: string | undefined, decimal: string | undefined, name: string | undefined) => {
      const code = Number.parseInt(hex ?? decimal ?? '', hex === undefined ? 10 : 16);
      const character = name === undefined ? characterOf(code) : entities[name];
      if (character === undefined) isKnown = false;
      return character ?? entity;
    },
  );
  return isKnown ? decoded : null;
}

function characterOf(code: number): string | undefined {
  return code <= 0x10ffff ? String.fromCodePoint(code) : undefined;
}
