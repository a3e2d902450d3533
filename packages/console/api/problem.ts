/** A wrong part of a request. */
export interface WrongField {
  readonly in?: string;
  /** A JSON pointer, such as `/username`. */
  readonly pointer: string;
  readonly detail: string;
}

/** The report of a failed request: a problem document (RFC 9457), or a connection that failed. */
export class ApiProblem extends Error {
  override readonly name = 'ApiProblem';
  /** The HTTP status; 0 without an answer. */
  readonly status: number;
  readonly title: string;
  /** The request's id in the log; null without an answer. */
  readonly requestId: string | null;
  readonly fields: readonly WrongField[];
  /** The id of the request for approval, if a second person must approve the operation first. */
  readonly approval: string | null;

  constructor(status: number, document: Readonly<Record<string, unknown>>) {
    super(textOf(document['detail']) ?? `the gateway answered with the status ${status}`);
    this.status = status;
    this.title = textOf(document['title']) ?? 'The request failed';
    this.requestId = textOf(document['requestId']);
    this.approval = textOf(document['approval']);
    this.fields = Array.isArray(document['errors']) ? (document['errors'] as readonly WrongField[]) : [];
  }

  /** Returns the problem of a request without an answer. */
  static unreachable(): ApiProblem {
    return new ApiProblem(0, {
      title: 'No connection',
      detail: 'the console does not answer: check that the gateway runs',
    });
  }

  /** Returns the text for the field at this JSON pointer; null if it is not wrong. */
  field(pointer: string): string | null {
    return this.fields.find((field) => field.pointer === pointer)?.detail ?? null;
  }
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

/** Returns the problem in whatever a query or a change has thrown. */
export function problemOf(error: unknown): ApiProblem {
  if (error instanceof ApiProblem) return error;
  const detail = error instanceof Error ? error.message : String(error);
  return new ApiProblem(0, { title: 'The page has a fault', detail });
}
