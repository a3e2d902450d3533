import type { Fault } from '../../model/fault.js';

/** Returns a table with the header in capitals. Columns are as wide as their widest cell. */
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

/** Returns `name: value` lines with the values in one column. */
export function renderFields(fields: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(...fields.map(([name]) => name.length)) + 1;
  return fields.map(([name, value]) => `${`${name}:`.padEnd(width)}  ${value}`.trimEnd()).join('\n');
}

/** Returns a value as indented JSON. */
export function renderJson(value: unknown): string {
  return JSON.stringify(value, null, 2);
}

/** Returns a fault as one line for stderr. A bug names its cause, because a command has no log. */
export function renderFault(program: string, fault: Fault): string {
  if (fault.kind === 'bug' && fault.cause instanceof Error) {
    return `${program}: internal error: ${fault.cause.message}; please report it with the command that you ran`;
  }
  return `${program}: ${fault.hint}`;
}

const byteUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** Returns a size in about three digits: `12.3 MiB`. */
export function renderBytes(bytes: number): string {
  const power = Math.min(byteUnits.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  const value = bytes / 1024 ** power;
  return `${power === 0 || value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${byteUnits[power]}`;
}

/** Returns a duration in its two largest units: `1 h 5 min`. */
export function renderDuration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}
