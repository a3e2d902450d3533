/**
 * Clients that show stderr to the user: OpenSSH's sftp and scp, PuTTY's psftp and pscp. OpenSSH does not show
 * the text of a status, only its own text for the code.
 */
const stderrClients = /^(?:OpenSSH|PuTTY)_/;

/**
 * Clients that send SSH_FXP_SYMLINK in the order of draft-ietf-secsh-filexfer-02, section 6.10: the link first. Some
 * of them send OpenSSH's order, but only to servers whose identification they know. Named by the start of their own
 * identification. docs/SEMANTICS.md has the source of each.
 */
const linkFirstClients = /^(?:AsyncSSH_|Ruby\/Net::SSH_|libssh[_-]|phpseclib_|ssh2js|WinSCP_|Twisted|SSHJ_)/;

/** How a client deviates from other clients. */
export interface ClientHabits {
  readonly showsStderr: boolean;
  /** True if SSH_FXP_SYMLINK has the link before its target. */
  readonly sendsLinkFirst: boolean;
}

/**
 * Returns the habits of a client. `software` is the name and version in its identification, RFC 4253 section 4.2, or
 * an empty text if it is not known. Unknown clients send OpenSSH's order (OpenSSH PROTOCOL, section 4.1), which most
 * servers expect.
 */
export function habitsOf(software: string): ClientHabits {
  return { showsStderr: stderrClients.test(software), sendsLinkFirst: linkFirstClients.test(software) };
}
