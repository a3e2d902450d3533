import type { TSchema } from 'typebox';
import { groups as texts } from './groups.js';
import type { OperationDescription } from './operation.js';

/** Returns the chapters of docs/API.md: every operation by group, with its parameters and an example. */
export function apiReference(operations: readonly OperationDescription[]): string {
  const used = [...new Set(operations.map(({ group }) => group))];
  const overview = [
    '| operation | request | role |',
    '|---|---|---|',
    ...operations.map(
      ({ id, method, path, needs, group }) =>
        `| [${id}](#${id.toLowerCase()}) | \`${method} ${path}\` | ${group === 'login' ? 'none' : needs} |`,
    ),
  ].join('\n');
  const chapters = used.map((group) =>
    [
      `## ${group}`,
      texts[group],
      ...operations.filter((operation) => operation.group === group).map(describeOperation),
    ].join('\n\n'),
  );
  return [overview, ...chapters].join('\n\n');
}

function describeOperation(operation: OperationDescription): string {
  const { id, summary, details, method, path, needs, command, parameters, query, body, example } = operation;
  const notes = [
    operation.group === 'login' ? 'No login.' : `Role: \`${needs}\`.`,
    ...(operation.fourEyes === null ? [] : [`Second person (\`console.four.eyes\`): ${operation.fourEyes}.`]),
    ...(operation.needsIfMatch ? ['Needs the header `If-Match`.'] : []),
    ...(operation.isIdempotent ? [] : ['Accepts an `Idempotency-Key`.']),
    ...(command === null ? [] : [`Command: \`${command.replaceAll('\n', ' ')}\`.`]),
  ];
  const rows = [...rowsOf('path', parameters), ...rowsOf('query', query), ...rowsOf('body', body)];
  return [
    `### ${id}`,
    `\`${method} ${path}\`: ${summary}${details === undefined ? '' : ` ${details}`}`,
    notes.join(' '),
    ...(rows.length === 0
      ? []
      : [['| name | in | form | meaning |', '|---|---|---|---|', ...rows].join('\n')]),
    ...(example.body === undefined ? [] : [`Request:\n\n${block(example.body)}`]),
    ...answerOf(operation),
  ].join('\n\n');
}

function answerOf({ status, gives, example }: OperationDescription): string[] {
  if (gives === 'bytes') return [`Answer ${status}: the bytes of the object.`];
  if (example.answer === undefined) return [`Answer ${status}, without a body.`];
  const what = gives === 'lines' ? `Answer ${status}, one JSON text per line, such as:` : `Answer ${status}:`;
  return [`${what}\n\n${block(example.answer)}`];
}

function block(value: unknown): string {
  return `\`\`\`json\n${JSON.stringify(value, null, 2)}\n\`\`\``;
}

function rowsOf(part: string, schema: TSchema | null): string[] {
  if (schema === null || !('properties' in schema)) return [];
  const { properties, required = [] } = schema as unknown as {
    readonly properties: Readonly<Record<string, TSchema>>;
    readonly required?: readonly string[];
  };
  return Object.entries(properties).map(([name, of]) => {
    const star = required.includes(name) ? ' *' : '';
    const { description = '' } = of as TSchema & { readonly description?: string };
    return `| \`${name}\`${star} | ${part} | ${formOf(of)} | ${description} |`;
  });
}

/** Returns the form of a value in words. */
function formOf(schema: TSchema): string {
  const of = schema as TSchema & Readonly<Record<string, unknown>>;
  const alternatives = of['anyOf'];
  if (Array.isArray(alternatives)) return alternatives.map((one: TSchema) => formOf(one)).join(' or ');
  if (Array.isArray(of['enum'])) return of['enum'].map((value) => `\`${String(value)}\``).join(', ');
  if ('const' in of) return `\`${String(of['const'])}\``;
  if (of['type'] === 'array') return `list of ${formOf(of['items'] as TSchema)}`;
  const bounds = [
    ...(of['minimum'] === undefined ? [] : [`from ${String(of['minimum'])}`]),
    ...(of['maximum'] === undefined ? [] : [`to ${String(of['maximum'])}`]),
  ].join(' ');
  const type = of['type'] === 'boolean' ? 'true or false' : String(of['type'] ?? 'any');
  return bounds === '' ? type : `${type} ${bounds}`;
}
