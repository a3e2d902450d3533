import { median } from './measure.js';

/** The runs of one contender in one discipline, in seconds. */
export interface Row {
  readonly name: string;
  readonly seconds: readonly number[];
  /** CPU seconds per run of all processes between the client and S3; null if not measured. */
  readonly cpu: readonly number[] | null;
  /** Peak memory of these processes in MiB; null or absent if not measured. */
  readonly memoryMib?: number | null;
  /** The reason for missing figures, or null. */
  readonly failure: string | null;
}

/**
 * Returns a Markdown table of one discipline: median rates, and how much faster the first row is than the
 * others. `reference` is the name of the first row in that column.
 */
export function renderTable(
  title: string,
  unit: { label: string; amount: number },
  rows: readonly Row[],
  reference = 'sftpgw',
): string {
  const first = rows[0] === undefined ? Number.NaN : median(rows[0].seconds);
  const hasMemory = rows.some(({ memoryMib }) => (memoryMib ?? null) !== null);
  const memory = (text: string) => (hasMemory ? text : '');
  const lines = [
    `### ${title}`,
    '',
    `| what | ${unit.label}, median (min to max) | ${reference} is faster by | CPU seconds, median |${memory(' peak MiB |')}`,
    `|---|---|---|---|${memory('---|')}`,
  ];
  for (const row of rows) {
    if (row.failure !== null || row.seconds.length === 0) {
      lines.push(`| ${row.name} | ${row.failure ?? 'not measured'} | | |${memory(' |')}`);
      continue;
    }
    const rates = row.seconds.map((seconds) => unit.amount / seconds);
    const rate = `${format(median(rates))} (${format(Math.min(...rates))} to ${format(Math.max(...rates))})`;
    const ratio = row === rows[0] ? '' : `${(median(row.seconds) / first).toFixed(2)} ×`;
    const cpu = row.cpu === null ? '' : median(row.cpu).toFixed(2);
    const peak = memory(` ${row.memoryMib?.toFixed(0) ?? ''} |`);
    lines.push(`| ${row.name} | ${rate} | ${ratio} | ${cpu} |${peak}`);
  }
  return `${lines.join('\n')}\n`;
}

function format(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(1);
}

/** Returns a line with one requirement and whether it holds. */
export function renderBar(text: string, value: number, holds: boolean): string {
  return `- ${holds ? 'holds' : 'MISSED'}: ${text} (${value.toFixed(2)})\n`;
}
