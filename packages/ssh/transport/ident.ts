import { DisconnectReason } from '../wire/disconnect-reasons.js';
import { ProtocolError } from '../wire/fault.js';

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
/** RFC 4253 section 4.2: the software version has no whitespace and no minus sign; OpenSSH and others use the minus sign. */
const form = /^SSH-2\.0-([\x21-\x7e]+)(?: [\x20-\x7e]*)?$/;
const anyVersion = /^SSH-[0-9.]+-/;

/** The client's identification. */
export interface Ident {
  /** The line without CR and LF, as it enters the exchange hash. */
  readonly line: string;
  /** Name and version of the software. */
  readonly software: string;
  /** Offset of the byte after the line. */
  readonly end: number;
}

/** Thrown for a first line that is not an identification. The text is sent to the peer, which may be a person or a browser. */
export class IdentError extends ProtocolError {
  constructor(message: string) {
    super(DisconnectReason.protocolVersionNotSupported, message);
    this.name = 'IdentError';
  }
}

/**
 * Reads the identification line from the bytes in [start, end). Returns null while the line is incomplete. A client must send it
 * first: other lines before it are for servers only (RFC 4253 section 4.2). `maxBytes` counts CR and LF.
 */
export function readIdent(bytes: Buffer, start: number, end: number, maxBytes: number): Ident | null {
  const at = bytes.indexOf(lineFeed, start);
  const found = at >= 0 && at < end;
  if (!found || at - start + 1 > maxBytes) {
    if (end - start >= maxBytes) throw new IdentError('identification line is too long');
    return null;
  }
  const stop = at > start && bytes[at - 1] === carriageReturn ? at - 1 : at;
  const line = bytes.toString('latin1', start, stop);
  const software = form.exec(line)?.[1];
  if (software === undefined) {
    throw new IdentError(
      anyVersion.test(line)
        ? 'only SSH protocol 2.0 is supported'
        : 'first line is not an SSH identification',
    );
  }
  return { line, software, end: at + 1 };
}
