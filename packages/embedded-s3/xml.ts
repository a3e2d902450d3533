import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { malformedXml, notImplemented } from './errors.js';

/** A document in S3's 2006-03-01 namespace. */
const namespace = 'http://s3.amazonaws.com/doc/2006-03-01/';
const declaration = '<?xml version="1.0" encoding="UTF-8"?>\n';

/** The content of an element: text, or elements in order. Null and undefined leave the element out. */
export type XmlContent = string | number | boolean | XmlElement | null | undefined;
export type XmlElement = readonly XmlNode[];
export type XmlNode = readonly [name: string, content: XmlContent, attributes?: string];

/** Renders a document in S3's namespace. */
export function xmlDocument(root: string, content: XmlElement): string {
  return declaration + renderNode([root, content, ` xmlns="${namespace}"`]);
}

/** Renders the error document, which has no namespace. */
export function xmlError(content: XmlElement): string {
  return declaration + renderNode(['Error', content]);
}

function renderNode([name, content, attributes = '']: XmlNode): string {
  if (content === null || content === undefined) return '';
  const inner = Array.isArray(content) ? renderAll(content as XmlElement) : escapeXml(String(content));
  return inner === '' ? `<${name}${attributes}/>` : `<${name}${attributes}>${inner}</${name}>`;
}

function renderAll(nodes: XmlElement): string {
  let text = '';
  for (const node of nodes) text += renderNode(node);
  return text;
}

const named: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/**
 * Control characters become character references, as in AWS's answers. Readers of XML 1.1 or of S3
 * understand them.
 */
function escapeXml(text: string): string {
  return text.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is escaped
    /[&<>"\u0000-\u001f\u007f-\u009f]/g,
    (character) => named[character] ?? `&#x${character.charCodeAt(0).toString(16).toUpperCase()};`,
  );
}

const parser = new XMLParser({
  ignoreAttributes: true,
  ignoreDeclaration: true,
  ignorePiTags: true,
  removeNSPrefix: true,
  parseTagValue: false,
  trimValues: false,
  htmlEntities: true,
  isArray: () => true,
});

/** An element of a request's document. A missing child is null; repeated children are in `all`. */
export class XmlReader {
  readonly #value: unknown;

  constructor(value: unknown) {
    this.#value = value;
  }

  /** Returns the first child with that name, or null. */
  child(name: string): XmlReader | null {
    return this.all(name)[0] ?? null;
  }

  /** Returns every child with that name, in order. */
  all(name: string): readonly XmlReader[] {
    if (typeof this.#value !== 'object' || this.#value === null || !Object.hasOwn(this.#value, name))
      return [];
    const children = (this.#value as Record<string, unknown>)[name];
    return Array.isArray(children) ? children.map((child) => new XmlReader(child)) : [];
  }

  /** Returns the text of the child with that name, or null. */
  text(name: string): string | null {
    return this.child(name)?.own() ?? null;
  }

  /** Throws NotImplemented for a child with another name: this server would otherwise ignore it. */
  refuseOthers(names: readonly string[]): void {
    if (typeof this.#value !== 'object' || this.#value === null) return;
    const other = Object.keys(this.#value).find((name) => name !== '#text' && !names.includes(name));
    if (other !== undefined) throw notImplemented(`The element ${other}`);
  }

  /** Returns the element's own text; empty if it has elements. */
  own(): string {
    return typeof this.#value === 'string' ? this.#value : '';
  }
}

/**
 * Parses the document of a request, whose root must be `root`. Throws MalformedXML, also for a
 * document type or entities.
 */
export function parseXml(bytes: Uint8Array, root: string): XmlReader {
  let document: unknown;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    if (/<!(?:DOCTYPE|ENTITY)/i.test(text)) throw malformedXml();
    if (XMLValidator.validate(text) !== true) throw malformedXml();
    document = parser.parse(text);
  } catch {
    throw malformedXml();
  }
  const element = new XmlReader(document).child(root);
  if (element === null) throw malformedXml();
  return element;
}
