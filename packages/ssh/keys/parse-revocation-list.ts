import { readCertificate } from './certificate.js';
import { KeyError } from './key-error.js';
import { parseKeyLine } from './key-line.js';
import { isKrl, parseKrl } from './krl.js';
import { RevocationList } from './revocation-list.js';

/**
 * Reads a revocation list: a KRL, or text as sshd_config(5) RevokedKeys has it, one public key a line. In text, a certificate revokes
 * its key; `SHA256:...` revokes the key with this fingerprint; blank lines and lines with `#` are skipped. Throws `KeyError`, for text
 * with the number of the line. A list that cannot be read revokes nothing: do not use keys without it.
 */
export function parseRevocationList(bytes: Uint8Array): RevocationList {
  if (isKrl(bytes)) return parseKrl(bytes);
  const list = new RevocationList();
  const lines = Buffer.from(bytes)
    .toString('utf8')
    .split(/\r\n|\r|\n/);
  for (const [index, line] of lines.entries()) {
    const content = line.replace(/^\ufeff/, '').trim();
    if (content === '' || content.startsWith('#')) continue;
    try {
      revokeLine(content, list);
    } catch (error) {
      if (!(error instanceof KeyError)) throw error;
      throw new KeyError(error.problem, `revocation list, line ${index + 1}: ${error.message}`);
    }
  }
  return list;
}

function revokeLine(content: string, list: RevocationList): void {
  const fingerprint = /^SHA256:([A-Za-z0-9+/]{43})=?(?:\s|$)/.exec(content);
  if (fingerprint?.[1] !== undefined) {
    list.addKeyHash('sha256', Buffer.from(fingerprint[1], 'base64'));
    return;
  }
  const { type, blob } = parseKeyLine(content);
  list.addKeyBlob(type.includes('-cert-v') ? readCertificate(blob).certificate.key.blob : blob);
}
