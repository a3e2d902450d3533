import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { Value } from 'typebox/value';
import type { OperationDescription } from '../description/operation.js';
import { Refusal, type WrongField } from '../refusal.js';

/** The parts of a request as they arrived. */
export interface RawRequest {
  readonly parameters: unknown;
  readonly query: unknown;
  readonly body: unknown;
}

/** More wrong fields of one request are not reported. */
const maxFields = 20;

type Part = WrongField['in'];
type Check = (value: unknown) => WrongField[];

/** The schemas of a request; null for a part that it does not have. */
export type RequestSchemas = Pick<OperationDescription, 'parameters' | 'query' | 'body'>;

/** Checks the requests of one operation. The schemas are compiled at the first request. */
export class RequestChecks {
  readonly #operation: RequestSchemas;
  readonly #checks = new Map<Part, Check>();

  constructor(operation: RequestSchemas) {
    this.#operation = operation;
  }

  /**
   * Returns the parts with the types of their schemas. Numbers and yes or no in the address are texts, which
   * are converted; the body is not changed. Throws `invalid` with every wrong field.
   */
  parse({ parameters, query, body }: RawRequest): RawRequest {
    const { parameters: ofPath, query: ofQuery, body: ofBody } = this.#operation;
    const parsed = {
      parameters: ofPath === null ? {} : Value.Convert(ofPath, { ...(parameters as object) }),
      query: ofQuery === null ? {} : Value.Convert(ofQuery, { ...(query as object) }),
      body,
    };
    const fields = [
      ...(ofPath === null ? [] : this.#check('path', ofPath)(parsed.parameters)),
      ...(ofQuery === null ? unknownNames(query) : this.#check('query', ofQuery)(parsed.query)),
      ...(ofBody === null ? [] : this.#check('body', ofBody)(body)),
    ];
    if (fields.length === 0) return parsed;
    throw new Refusal('invalid', fields.map(textOf).join('; '), { fields });
  }

  #check(part: Part, schema: TSchema): Check {
    const known = this.#checks.get(part);
    if (known !== undefined) return known;
    const compiled = Compile(schema);
    const check: Check = (value) =>
      compiled.Check(value) ? [] : fieldsOf(part, compiled.Errors(value) as readonly SchemaError[]);
    this.#checks.set(part, check);
    return check;
  }
}

interface SchemaError {
  readonly keyword: string;
  readonly instancePath: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly message: string;
}

function fieldsOf(part: Part, errors: readonly SchemaError[]): WrongField[] {
  const fields = errors.flatMap((error) => ofError(part, error));
  const seen = new Set<string>();
  return fields.filter(({ pointer }) => !seen.has(pointer) && seen.add(pointer)).slice(0, maxFields);
}

/** The messages of the validator never contain the value, which may be a secret. */
function ofError(part: Part, { keyword, instancePath, params, message }: SchemaError): WrongField[] {
  const below = (names: unknown, detail: string): WrongField[] =>
    (Array.isArray(names) ? names : []).map((name) => ({
      in: part,
      pointer: `${instancePath}/${escapePointer(String(name))}`,
      detail,
    }));
  if (keyword === 'required') return below(params['requiredProperties'], 'is missing');
  if (keyword === 'additionalProperties') return below(params['additionalProperties'], 'is unknown');
  // `additionalProperties` reports the same name.
  if (keyword === 'boolean') return [];
  return [{ in: part, pointer: instancePath, detail: message }];
}

function unknownNames(query: unknown): WrongField[] {
  return Object.keys((query ?? {}) as object)
    .slice(0, maxFields)
    .map((name) => ({ in: 'query', pointer: `/${escapePointer(name)}`, detail: 'is unknown' }));
}

const maxNameCharacters = 100;

function escapePointer(name: string): string {
  return name.slice(0, maxNameCharacters).replaceAll('~', '~0').replaceAll('/', '~1');
}

function textOf({ in: part, pointer, detail }: WrongField): string {
  const name = pointer.slice(1).replaceAll('/', '.');
  return name === '' ? `the ${part} ${detail}` : `${name} ${detail}`;
}
