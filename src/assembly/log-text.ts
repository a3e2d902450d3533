/** Select Graphic Rendition codes (ECMA-48) of the levels. */
const levelColours: Readonly<Record<string, number>> = { debug: 90, info: 36, warn: 33, error: 31 };
const dim = 2;

/**
 * Converts one JSON line of the log to a line for people: local time, level, message, then the fields as
 * `name=value`. Returns the line as it is if it is not a JSON object.
 */
export function formatLogLine(line: string, colour: boolean): string {
  const record = parseRecord(line);
  if (record === null) return line;
  const { time, level, msg, ...fields } = record;
  const paint = (text: string, code: number) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);
  const name = String(level);
  const rest = Object.entries(fields).map(
    ([field, value]) => ` ${paint(`${field}=`, dim)}${formatValue(value)}`,
  );
  return `${paint(clockTime(time), dim)} ${paint(name.toUpperCase().padEnd(5), levelColours[name] ?? 0)} ${printable(String(msg))}${rest.join('')}\n`;
}

function parseRecord(line: string): Readonly<Record<string, unknown>> | null {
  try {
    const parsed: unknown = JSON.parse(line);
    return typeof parsed === 'object' && parsed !== null ? { ...parsed } : null;
  } catch {
    return null;
  }
}

function clockTime(time: unknown): string {
  const date = new Date(String(time));
  if (Number.isNaN(date.getTime())) return String(time);
  const [hours, minutes, seconds] = [date.getHours(), date.getMinutes(), date.getSeconds()];
  return [hours, minutes, seconds].map((part) => String(part).padStart(2, '0')).join(':');
}

/** An error shows its message; its stack is for the JSON form. Text with spaces is quoted. */
function formatValue(value: unknown): string {
  if (typeof value !== 'object' || value === null) {
    const text = String(value);
    return printable(/^[^\s"=]+$/.test(text) ? text : JSON.stringify(text));
  }
  return printable(JSON.stringify('message' in value && 'name' in value ? String(value.message) : value));
}

/** Replaces control characters: a client chooses names, and a terminal obeys escape sequences. */
function printable(text: string): string {
  return text.replace(
    /\p{Cc}/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
