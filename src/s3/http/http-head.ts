/** The head of an HTTP/1.1 response, and how its body is framed (RFC 9112, section 6.3). */
export interface ResponseHead {
  readonly statusCode: number;
  readonly reason: string;
  /** Lower-case names; repeated ones joined with a comma. */
  readonly headers: Record<string, string>;
  readonly framing: Framing;
  /** False when the connection ends with this response. */
  readonly keepsAlive: boolean;
}

export type Framing =
  | { readonly kind: 'length'; readonly byteLength: number }
  | { readonly kind: 'chunked' }
  | { readonly kind: 'until-close' };

/** More than the head of any S3 response: 2 KiB of metadata and a few headers. */
export const maxHeadBytes = 64 * 1024;

/** Returns where the body begins, or -1 while the head is incomplete. */
export function endOfHead(bytes: Buffer): number {
  const end = bytes.indexOf('\r\n\r\n', 0, 'latin1');
  return end === -1 ? -1 : end + 4;
}

/**
 * Parses the head of the response to a GET. Throws an Error (`EPROTO`) for anything that HTTP/1.x does not
 * allow, or that two readers could frame differently.
 */
export function parseHead(bytes: Buffer): ResponseHead {
  const text = bytes.toString('latin1');
  if (!text.endsWith('\r\n\r\n')) throw malformed('the end of the head');
  const [statusLine = '', ...lines] = text.slice(0, -4).split('\r\n');
  const status = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: ([\t\x20-\x7e\x80-\xff]*))?$/.exec(statusLine);
  if (status === null) throw malformed('the status line');
  const isHttp10 = status[1] === '0';
  const headers = Object.create(null) as Record<string, string>;
  for (const line of lines) {
    const field = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*$/.exec(line);
    const name = field?.[1]?.toLowerCase();
    if (name === undefined) throw malformed('a header');
    const value = field?.[2] ?? '';
    headers[name] = name in headers ? `${headers[name]}, ${value}` : value;
  }
  const statusCode = Number(status[2]);
  const framing = framingOf(statusCode, headers, isHttp10);
  const connection = headers['connection']?.toLowerCase() ?? (isHttp10 ? 'close' : '');
  const keepsAlive = framing.kind !== 'until-close' && !connection.split(/\s*,\s*/).includes('close');
  return { statusCode, reason: status[3] ?? '', headers, framing, keepsAlive };
}

function framingOf(
  statusCode: number,
  headers: Readonly<Record<string, string>>,
  isHttp10: boolean,
): Framing {
  if (statusCode < 200 || statusCode === 204 || statusCode === 304) return { kind: 'length', byteLength: 0 };
  const coding = headers['transfer-encoding'];
  if (coding !== undefined) {
    if (isHttp10 || coding.toLowerCase() !== 'chunked' || 'content-length' in headers)
      throw malformed('the transfer coding');
    return { kind: 'chunked' };
  }
  const length = headers['content-length'];
  if (length === undefined) return { kind: 'until-close' };
  if (!/^\d{1,15}$/.test(length)) throw malformed('the content length');
  return { kind: 'length', byteLength: Number(length) };
}

/** A chunked body, and how many bytes of the connection it took. */
export interface DecodedChunks {
  readonly body: Buffer;
  readonly encodedBytes: number;
}

/**
 * Decodes a chunked body (RFC 9112, section 7.1). Null while it is incomplete. Throws an Error (`EPROTO`) for
 * a malformed one.
 */
export function decodeChunked(bytes: Buffer): DecodedChunks | null {
  const pieces: Buffer[] = [];
  for (let at = 0; ; ) {
    const lineEnd = bytes.indexOf('\r\n', at, 'latin1');
    if (lineEnd === -1) return null;
    const size = /^([0-9A-Fa-f]{1,8})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?$/.exec(
      bytes.toString('latin1', at, lineEnd),
    );
    if (size?.[1] === undefined) throw malformed('a chunk');
    const length = Number.parseInt(size[1], 16);
    at = lineEnd + 2;
    if (length === 0) {
      const encodedBytes = endOfTrailers(bytes, at);
      return encodedBytes === -1 ? null : { body: Buffer.concat(pieces), encodedBytes };
    }
    const end = at + length;
    if (bytes.byteLength < end + 2) return null;
    if (bytes.toString('latin1', end, end + 2) !== '\r\n') throw malformed('the end of a chunk');
    pieces.push(bytes.subarray(at, end));
    at = end + 2;
  }
}

/** Returns where the message ends, or -1 while the trailers are incomplete. */
function endOfTrailers(bytes: Buffer, at: number): number {
  if (bytes.toString('latin1', at, at + 2) === '\r\n') return at + 2;
  const end = endOfHead(bytes.subarray(at));
  return end === -1 ? -1 : at + end;
}

function malformed(part: string): Error {
  return Object.assign(new Error(`the response of the server is not valid HTTP: ${part}`), {
    code: 'EPROTO',
  });
}
