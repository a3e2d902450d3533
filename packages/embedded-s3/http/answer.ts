import type { XmlElement } from '../xml.js';
import { xmlDocument } from '../xml.js';

/** Response headers. Undefined leaves a header out. */
export type AnswerHeaders = Readonly<Record<string, string | undefined>>;

export type AnswerBody =
  | { readonly kind: 'none' }
  | { readonly kind: 'xml'; readonly text: string }
  | {
      readonly kind: 'stream';
      readonly length: number;
      readonly bytes: AsyncIterable<Uint8Array>;
      /** Called exactly once, when the bytes were sent or will not be sent. */
      readonly release: () => void;
    };

/** The answer of an operation. */
export interface Answer {
  readonly status: number;
  readonly headers: AnswerHeaders;
  readonly body: AnswerBody;
}

export function emptyAnswer(status: number, headers: AnswerHeaders = {}): Answer {
  return { status, headers, body: { kind: 'none' } };
}

export function xmlAnswer(root: string, content: XmlElement, headers: AnswerHeaders = {}): Answer {
  return { status: 200, headers, body: { kind: 'xml', text: xmlDocument(root, content) } };
}
