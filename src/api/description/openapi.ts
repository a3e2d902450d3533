import type { TObject, TSchema } from 'typebox';
import { groups } from './groups.js';
import type { OperationDescription } from './operation.js';

/** The name and version of an API in its document. */
export interface ApiTitle {
  readonly title: string;
  readonly version: string;
  readonly description: string;
  readonly license: { readonly name: string; readonly identifier: string };
}

type Json = Readonly<Record<string, unknown>>;

const binary = 'application/octet-stream';
const lines = 'application/x-ndjson';
const json = 'application/json';

/** Returns the OpenAPI 3.1 document of these operations, with an example of each. */
export function openApiDocument(operations: readonly OperationDescription[], info: ApiTitle) {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of operations) {
    const methods = paths[operation.path] ?? {};
    methods[operation.method.toLowerCase()] = operationObject(operation);
    paths[operation.path] = methods;
  }
  return {
    openapi: '3.1.0',
    info,
    servers: [{ url: '/' }],
    security: [{ token: [] }, { session: [] }],
    tags: [...new Set(operations.map(({ group }) => group))].map((name) => ({
      name,
      description: groups[name],
    })),
    paths,
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'A token of `sftpgw admin token create`.' },
        session: {
          type: 'apiKey',
          in: 'cookie',
          name: '__Host-sftpgw',
          description:
            'The session of a browser. A request that changes something also needs the header `x-sftpgw-csrf: 1`.',
        },
      },
      schemas: { Problem: problemSchema },
    },
  };
}

const problemSchema: Json = {
  type: 'object',
  description: 'A problem document (RFC 9457).',
  required: ['type', 'title', 'status', 'detail', 'kind', 'requestId'],
  properties: {
    type: { type: 'string', const: 'about:blank' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string', description: 'What failed, on which name, why, and what to do.' },
    kind: { type: 'string', description: 'The kind of the fault, such as `not-found`.' },
    requestId: { type: 'string', description: 'The id of the request in the log.' },
    approval: {
      type: 'string',
      description: 'The id of the request that now waits for a second person. Nothing has changed.',
    },
    errors: {
      type: 'array',
      description: 'The wrong parts of the request.',
      items: {
        type: 'object',
        required: ['in', 'pointer', 'detail'],
        properties: {
          in: { type: 'string', enum: ['body', 'query', 'path', 'header'] },
          pointer: { type: 'string', description: 'A JSON pointer (RFC 6901) into that part.' },
          detail: { type: 'string' },
        },
      },
    },
  },
};

function operationObject(operation: OperationDescription): Json {
  const { id, group, summary, details, parameters, query, body, takes, example, needs, command, fourEyes } =
    operation;
  return {
    operationId: id,
    tags: [group],
    summary,
    description: [
      ...(details === undefined ? [] : [details]),
      group === 'login' ? 'Needs no login.' : `Needs the role \`${needs}\`.`,
      ...(fourEyes === null
        ? []
        : [`With \`console.four.eyes=yes\`, a second person must approve ${fourEyes}.`]),
      ...(command === null ? [] : [`The command is \`${command.replaceAll('\n', ' ')}\`.`]),
    ].join('\n\n'),
    parameters: [
      ...parametersOf('path', parameters, example.parameters),
      ...parametersOf('query', query, example.query),
      ...headersOf(operation),
    ],
    ...requestBodyOf(takes, body, example.body),
    responses: { ...answersOf(operation), default: problemAnswer },
    'x-sftpgw-role': needs,
    ...(fourEyes === null ? {} : { 'x-sftpgw-four-eyes': fourEyes }),
    ...(command === null ? {} : { 'x-sftpgw-command': command }),
  };
}

function parametersOf(part: 'path' | 'query', schema: TObject | null, example: unknown): Json[] {
  if (schema === null) return [];
  const required = new Set(schema.required as readonly string[] | undefined);
  return Object.entries(schema.properties as Readonly<Record<string, TSchema>>).map(([name, of]) => {
    const { description, ...plain } = of as TSchema & { readonly description?: string };
    const value = (example as Json | undefined)?.[name];
    return {
      name,
      in: part,
      required: required.has(name),
      ...(description === undefined ? {} : { description }),
      schema: plain,
      ...(value === undefined ? {} : { example: value }),
    };
  });
}

function headersOf({ isIdempotent, needsIfMatch }: OperationDescription): Json[] {
  const header = (name: string, required: boolean, description: string) => ({
    name,
    in: 'header',
    required,
    description,
    schema: { type: 'string' },
  });
  return [
    ...(needsIfMatch
      ? [header('If-Match', true, 'The ETag of the version that you have read, or `*` for any.')]
      : []),
    ...(isIdempotent
      ? []
      : [
          header(
            'Idempotency-Key',
            false,
            'Any text. A repetition with the same text within 24 hours gets the answer of the first request and changes nothing.',
          ),
        ]),
  ];
}

function requestBodyOf(takes: 'json' | 'bytes', body: TSchema | null, example: unknown): Json {
  if (takes === 'bytes') return { requestBody: { required: true, content: { [binary]: {} } } };
  if (body === null) return {};
  return { requestBody: { required: true, content: { [json]: { schema: body, ...exampleOf(example) } } } };
}

function answersOf({ status, gives, answer, summary, example }: OperationDescription): Json {
  const description = summary.replace(/\.$/, '');
  if (gives === 'bytes') {
    return {
      [status]: { description, content: { [binary]: { schema: { type: 'string', format: 'binary' } } } },
    };
  }
  if (answer === null) return { [status]: { description } };
  const type = gives === 'lines' ? lines : json;
  const content = { [type]: { schema: answer, ...exampleOf(example.answer) } };
  return { [status]: { description, content } };
}

function exampleOf(example: unknown): Json {
  return example === undefined ? {} : { example };
}

const problemAnswer: Json = {
  description: 'The request failed.',
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
};
