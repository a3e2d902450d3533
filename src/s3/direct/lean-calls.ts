import { XMLParser } from 'fast-xml-parser';
import type { Call } from '../../model/call.js';
import type { ObjectRef } from '../../model/object-store.js';
import type { S3Context } from '../context.js';

/** More than any answer that is read here: ten tags, or the grants of an ACL. */
const mostAnswerBytes = 256 * 1024;

/** A small request for one object. */
export interface LeanCall {
  readonly method: 'GET' | 'HEAD' | 'PUT';
  /** One name without a value: `tagging`. */
  readonly subresource?: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export interface LeanAnswer {
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** A small request without the SDK's layers. The answer when it is 200; null when the SDK has to ask. */
export async function leanCall(
  { lean }: S3Context,
  call: Call,
  ref: ObjectRef,
  { method, subresource, headers, body }: LeanCall,
): Promise<LeanAnswer | null> {
  const names = Object.entries(headers);
  const answer = await lean?.send(call, {
    ...ref,
    method,
    ...(subresource === undefined ? {} : { query: { [subresource]: '' } }),
    signed: Object.fromEntries(names.filter(([name]) => mustBeSigned(name))),
    unsigned: Object.fromEntries(names.filter(([name]) => !mustBeSigned(name))),
    ...(body === undefined ? {} : { body }),
    intoSlabs: false,
  });
  if (!answer) return null;
  const text = await textOf(answer.body as AsyncIterable<Uint8Array>).catch(() => null);
  return text === null || answer.statusCode !== 200 ? null : { headers: answer.headers, text };
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html */
function mustBeSigned(name: string): boolean {
  return name === 'content-type' || name.startsWith('x-amz-');
}

async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const pieces: Uint8Array[] = [];
  let byteLength = 0;
  for await (const piece of body) {
    pieces.push(piece);
    byteLength += piece.byteLength;
    if (byteLength > mostAnswerBytes) throw new Error('the answer has no end');
  }
  return Buffer.concat(pieces).toString();
}

/** XML as plain objects: texts stay texts, and what may come more than once is named. */
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

/** The same pure function, which knows its last answer: of objects that lie side by side S3 mostly says the same. */
export function rememberingLast<T>(parse: (text: string) => T): (text: string) => T {
  let last: { readonly text: string; readonly parsed: T } | null = null;
  return (text) => {
    if (last?.text !== text) last = { text, parsed: parse(text) };
    return last.parsed;
  };
}
