/** The head of an HTTP/1.1 answer, and what it says of the body (RFC 9112, section 6.3). */
export interface ResponseHead {
  readonly statusCode: number;
  readonly reason: string;
  /** Lower-case names; repeated ones joined with a comma. */
  readonly headers: Record<string, string>;
  readonly framing: Framing;
  /** False when the connection ends with this answer. */
  readonly keepsAlive: boolean;
}

export type Framing =
  | { readonly kind: 'length'; readonly byteLength: number }
  | { readonly kind: 'chunked' }
  | { readonly kind: 'until-close' };

/** More head than any S3 sends: 2 KiB of metadata and some. */
export const mostHeadBytes = 64 * 1024;

/** Where the body begins, or -1 while the head is not whole. */
export function endOfHead(bytes: Buffer): number {
  const end = bytes.indexOf('\r\n\r\n', 0, 'latin1');
  return end === -1 ? -1 : end + 4;
}

/** Reads the head of the answer to a GET. Throws an Error for what is no HTTP/1.x. */
export function parseHead(bytes: Buffer): ResponseHead {
  const [statusLine = '', ...lines] = bytes.toString('latin1').trimEnd().split('\r\n');
  const status = /^HTTP\/1\.([01]) (\d{3})(?: (.*))?$/.exec(statusLine);
  if (status === null) throw malformed('the status line');
  const headers = Object.create(null) as Record<string, string>;
  for (const line of lines) {
    const field = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(.*?)[ \t]*$/.exec(line);
    const name = field?.[1]?.toLowerCase();
    if (name === undefined) throw malformed('a header');
    const value = field?.[2] ?? '';
    headers[name] = name in headers ? `${headers[name]}, ${value}` : value;
  }
  const statusCode = Number(status[2]);
  const framing = framingOf(statusCode, headers);
  const connection = headers['connection']?.toLowerCase() ?? (status[1] === '1' ? '' : 'close');
  const keepsAlive = framing.kind !== 'until-close' && !connection.split(/\s*,\s*/).includes('close');
  return { statusCode, reason: status[3] ?? '', headers, framing, keepsAlive };
}

function framingOf(statusCode: number, headers: Readonly<Record<string, string>>): Framing {
  if (statusCode < 200 || statusCode === 204 || statusCode === 304) return { kind: 'length', byteLength: 0 };
  const coding = headers['transfer-encoding'];
  if (coding !== undefined) {
    if (coding.toLowerCase() !== 'chunked' || 'content-length' in headers)
      throw malformed('the transfer coding');
    return { kind: 'chunked' };
  }
  const length = headers['content-length'];
  if (length === undefined) return { kind: 'until-close' };
  if (!/^\d{1,15}$/.test(length)) throw malformed('the content length');
  return { kind: 'length', byteLength: Number(length) };
}

/** The body of a chunked answer (RFC 9112, section 7.1), or null while it is not whole. Throws an Error for what is none. */
export function decodeChunked(bytes: Buffer): Buffer | null {
  const pieces: Buffer[] = [];
  for (let at = 0; ; ) {
    const lineEnd = bytes.indexOf('\r\n', at, 'latin1');
    if (lineEnd === -1) return null;
    const size = /^([0-9A-Fa-f]{1,8})[ \t]*(?:;.*)?$/.exec(bytes.toString('latin1', at, lineEnd));
    if (size?.[1] === undefined) throw malformed('a chunk');
    const length = Number.parseInt(size[1], 16);
    at = lineEnd + 2;
    if (length === 0) {
      const trailed = bytes.indexOf('\r\n', at, 'latin1') === at || endOfHead(bytes.subarray(at)) !== -1;
      return trailed ? Buffer.concat(pieces) : null;
    }
    if (bytes.byteLength < at + length + 2) return null;
    pieces.push(bytes.subarray(at, at + length));
    at += length + 2;
  }
}

function malformed(what: string): Error {
  return Object.assign(new Error(`the server's answer is no HTTP: ${what}`), { code: 'EPROTO' });
}
