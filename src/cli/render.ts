import type { Fault } from '../model/fault.js';

/** Columns as wide as their widest cell, the header in capitals; no trailing blanks. */
export function renderTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [header.map((name) => name.toUpperCase()), ...rows];
  const widths = header.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** `name: value` lines, the values in one column. */
export function renderFields(fields: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(...fields.map(([name]) => name.length)) + 1;
  return fields.map(([name, value]) => `${`${name}:`.padEnd(width)}  ${value}`.trimEnd()).join('\n');
}

export function renderJson(value: unknown): string {
  return JSON.stringify(value, null, 2);
}

/** One line for stderr. A bug names its cause: on a command line there is no log that could. */
export function renderFault(program: string, fault: Fault): string {
  if (fault.kind === 'bug' && fault.cause instanceof Error) {
    return `${program}: internal error: ${fault.cause.message}; please report it with the command you ran`;
  }
  return `${program}: ${fault.hint}`;
}
