import { median } from './measure.js';

/** The runs of one contender in one discipline. */
export interface Row {
  readonly name: string;
  readonly seconds: readonly number[];
  /** CPU seconds of what stands between the client and S3, per run; null where it was not measured. */
  readonly cpu: readonly number[] | null;
  /** Why there are no figures. */
  readonly failure: string | null;
}

/** One discipline as a Markdown table: rates, ratios to the first row's peers, medians only. */
export function renderTable(
  title: string,
  unit: { label: string; amount: number },
  rows: readonly Row[],
): string {
  const reference = rows[0] === undefined ? Number.NaN : median(rows[0].seconds);
  const lines = [
    `### ${title}`,
    '',
    `| what | ${unit.label}, median (min to max) | sftpgw is faster by | CPU seconds, median |`,
    '|---|---|---|---|',
  ];
  for (const row of rows) {
    if (row.failure !== null || row.seconds.length === 0) {
      lines.push(`| ${row.name} | ${row.failure ?? 'not measured'} | | |`);
      continue;
    }
    const rates = row.seconds.map((seconds) => unit.amount / seconds);
    const rate = `${format(median(rates))} (${format(Math.min(...rates))} to ${format(Math.max(...rates))})`;
    const ratio = row === rows[0] ? '' : `${(median(row.seconds) / reference).toFixed(2)} ×`;
    const cpu = row.cpu === null ? '' : median(row.cpu).toFixed(2);
    lines.push(`| ${row.name} | ${rate} | ${ratio} | ${cpu} |`);
  }
  return `${lines.join('\n')}\n`;
}

function format(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(1);
}

/** One bar: what has to hold, and whether it did. */
export function renderBar(text: string, value: number, holds: boolean): string {
  return `- ${holds ? 'holds' : 'MISSED'}: ${text} (${value.toFixed(2)})\n`;
}
