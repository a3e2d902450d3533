import { KeyError } from './key-error.js';
import { decodeKeyBase64 } from './key-line.js';

const begin = '---- BEGIN SSH2 PUBLIC KEY ----';
const end = '---- END SSH2 PUBLIC KEY ----';
const maxTextBytes = 256 * 1024;

/** Returns true if the text holds a public key in RFC 4716 form, which PuTTYgen saves as well. */
export function isSsh2PublicKey(text: string): boolean {
  return /^---- BEGIN SSH2 PUBLIC KEY ----\s*$/m.test(text);
}

/**
 * Converts every public key of RFC 4716 form in the text to a line `type base64 comment`; other lines stay as they are. PuTTYgen's
 * "Save public key" writes this form. Throws `KeyError`: `malformed` for a damaged block, `private` for a private key in PuTTY's or any
 * other form. The keys in the lines have been decoded but not checked: parse them.
 */
export function convertPublicKeys(text: string): string {
  if (text.length > maxTextBytes) {
    throw new KeyError(
      'malformed',
      `text of more than ${maxTextBytes} characters is not a list of public keys`,
    );
  }
  if (/^\s*PuTTY-User-Key-File-\d/m.test(text)) {
    throw new KeyError(
      'private',
      'this is a PuTTY private key: open it in PuTTYgen and give the text of "Public key for pasting"',
    );
  }
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----|---- BEGIN SSH2 (?:ENCRYPTED )?PRIVATE KEY ----/.test(text)) {
    throw new KeyError(
      'private',
      'this is a private key: give the public one, in the file that ends in .pub',
    );
  }
  const converted: string[] = [];
  let block: string[] | null = null;
  for (const line of text.replace(/^\ufeff/, '').split(/\r\n|\r|\n/)) {
    if (line.trimEnd() === begin) {
      if (block !== null) throw new KeyError('malformed', `SSH2 public key without the line "${end}"`);
      block = [];
    } else if (block === null) {
      converted.push(line);
    } else if (line.trimEnd() === end) {
      converted.push(convertBlock(block));
      block = null;
    } else {
      block.push(line);
    }
  }
  if (block !== null) throw new KeyError('malformed', `SSH2 public key without the line "${end}"`);
  return converted.join('\n');
}

/** Returns true for the text of PuTTY's private key file (.ppk, versions 2 and 3), which also has the public key. */
export function isPuttyKeyFile(text: string): boolean {
  return /^\ufeff?\s*PuTTY-User-Key-File-[23]: /.test(text);
}

/**
 * Returns the public key of a .ppk file as a line `type base64 comment`. The private half is not decoded, and may be encrypted. Throws
 * `KeyError` `malformed`. The key in the line has not been checked: parse it. Format: PuTTY User Manual, appendix C.
 */
export function publicKeyOfPuttyFile(text: string): string {
  const lines = text
    .slice(0, maxTextBytes)
    .trimStart()
    .split(/\r\n|\r|\n/);
  const headerOf = (name: string): string =>
    lines
      .find((line) => line.startsWith(`${name}: `))
      ?.slice(name.length + 2)
      .trim() ?? '';
  const start = lines.findIndex((line) => line.startsWith('Public-Lines: ')) + 1;
  const count = Number(headerOf('Public-Lines'));
  const block = lines.slice(start, start + count);
  const isWhole = start > 0 && Number.isInteger(count) && count > 0 && block.length === count;
  if (!isWhole || block.some((line) => line.includes(':')))
    throw new KeyError('malformed', 'PuTTY key file without its public key');
  return convertBlock([`Comment: "${headerOf('Comment')}"`, ...block]);
}

/** Takes the lines between the markers: headers, some of which continue behind a backslash, then base64 (RFC 4716 section 3). */
function convertBlock(lines: readonly string[]): string {
  let comment = '';
  let at = 0;
  for (; at < lines.length; at++) {
    let header = lines[at] ?? '';
    if (!header.includes(':')) break;
    while (header.endsWith('\\') && at + 1 < lines.length) {
      at += 1;
      header = header.slice(0, -1) + (lines[at] ?? '');
    }
    const colon = header.indexOf(':');
    if (header.slice(0, colon).toLowerCase() === 'comment') comment = unquote(header.slice(colon + 1).trim());
  }
  const base64 = lines.slice(at).join('').replace(/\s+/g, '');
  const blob = decodeKeyBase64(base64, '');
  const type = blob.toString('latin1', 4, 4 + blob.readUInt32BE(0));
  return `${type} ${base64}${comment === '' ? '' : ` ${comment}`}`;
}

function unquote(value: string): string {
  const text = value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
  // A comment of a key line ends with the line.
  return text.replace(/\p{Cc}/gu, ' ').trim();
}
