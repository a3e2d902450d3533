const byteUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** Returns a size for people, such as `1.2 MiB`. */
export function formatBytes(bytes: number): string {
  let [value, unit] = [bytes, 0];
  while (value >= 1024 && unit < byteUnits.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return `${value.toFixed(digits)} ${byteUnits[unit]}`;
}

const counts = new Intl.NumberFormat('en-GB');

/** Returns a whole number with separators, such as `5,214`. */
export function formatCount(count: number): string {
  return counts.format(count);
}

/** Returns a count with its noun, such as `1 object` or `5,214 objects`. */
export function countOf(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

const steps = [
  [60, 1, 's'],
  [3_600, 60, 'min'],
  [86_400, 3_600, 'h'],
  [Number.POSITIVE_INFINITY, 86_400, 'd'],
] as const;

/** Returns a duration in its largest unit, such as `12 s` or `3 h`. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [, size, unit] = steps.find(([below]) => whole < below) ?? steps[3];
  return `${Math.floor(whole / size)} ${unit}`;
}

/** Returns the time from now, such as `3 min ago` or `in 2 d`. */
export function formatRelative(time: Date, now: Date): string {
  const seconds = (now.getTime() - time.getTime()) / 1000;
  if (Math.abs(seconds) < 5) return 'now';
  return seconds > 0 ? `${formatDuration(seconds)} ago` : `in ${formatDuration(-seconds)}`;
}

/** Returns a time in the zone of the browser, such as `2026-05-01 14:00:00`. */
export function formatExact(time: Date): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  return `${day} ${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}

/** Quotes a word for a POSIX shell, if it needs that. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Returns a command line of these words, such as `sftpgw user show bob`. */
export function commandOf(...words: readonly string[]): string {
  return ['sftpgw', ...words.map(shellWord)].join(' ');
}
