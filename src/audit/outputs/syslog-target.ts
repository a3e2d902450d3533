/** The address of a syslog server. */
export type SyslogTarget =
  | { readonly kind: 'udp' | 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

const defaultPorts: Readonly<Record<'udp' | 'tcp', number>> = { udp: 514, tcp: 601 };

/** Parses `udp://HOST:PORT`, `tcp://HOST:PORT` or `unix:/PATH`. Returns null for other text. */
export function parseSyslogTarget(text: string): SyslogTarget | null {
  if (/^unix:\/[^\0]{1,106}$/.test(text)) return { kind: 'unix', path: text.slice('unix:'.length) };
  const [, kind, bracketed, plain, digits] =
    /^(udp|tcp):\/\/(?:\[([^\]\s]+)\]|([^\s:[\]/]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if ((kind !== 'udp' && kind !== 'tcp') || host === undefined) return null;
  const port = digits === undefined ? defaultPorts[kind] : Number(digits);
  return port >= 1 && port <= 65_535 ? { kind, host, port } : null;
}
