import { Fault, type FaultKind } from '../model/fault.js';

/** A wrong part of a request. */
export interface WrongField {
  /** The part of the request. */
  readonly in: 'body' | 'query' | 'path' | 'header';
  /** JSON pointer (RFC 6901) into that part, such as `/prefix`; empty for the whole part. */
  readonly pointer: string;
  /** The reason, without the value. */
  readonly detail: string;
}

/** A fault of a request that HTTP has a status of its own for, or that names wrong fields. */
export class Refusal extends Fault {
  readonly status: number | null;
  readonly fields: readonly WrongField[];
  /** The id of the request that waits for a second person; null for other refusals. */
  readonly approval: string | null;

  constructor(
    kind: FaultKind,
    hint: string,
    {
      status = null,
      fields = [],
      approval = null,
    }: {
      readonly status?: number | null;
      readonly fields?: readonly WrongField[];
      readonly approval?: string | null;
    } = {},
  ) {
    super(kind, hint);
    this.status = status;
    this.fields = fields;
    this.approval = approval;
  }
}

/** Returns the refusal of one wrong field of the body. */
export function wrongField(pointer: string, detail: string): Refusal {
  return new Refusal('invalid', `${pointer.slice(1).replaceAll('/', '.')}: ${detail}`, {
    fields: [{ in: 'body', pointer, detail }],
  });
}
