/**
 * The first lines of a connection of `sftpgw stdio`. The client sends `sftpgw-stdio 1 ADDRESS`, with the address that sshd reports or
 * `-`. The gateway answers `ok`, or `refused` and a reason, and then serves SFTP.
 */
const clientForm = /^sftpgw-stdio 1 ([0-9A-Za-z:.%-]{1,64})$/;
const answerForm = /^(?:ok|refused (.+))$/;

export const maxPrefaceBytes = 512;

/** Returns the client's line. Text that cannot be an address is left out. */
export function formatPreface(address: string): string {
  const line = `sftpgw-stdio 1 ${address}`;
  return `${clientForm.test(line) ? line : 'sftpgw-stdio 1 -'}\n`;
}

/** Returns the client's address, which it states itself; null for another line. */
export function parsePreface(line: string): string | null {
  return clientForm.exec(line)?.[1] ?? null;
}

/** Returns the gateway's line. `refusal` is null for a session that starts. */
export function formatAnswer(refusal: string | null): string {
  return refusal === null ? 'ok\n' : `refused ${refusal.replaceAll(/[\r\n]+/g, ' ').slice(0, 400)}\n`;
}

/** Returns the refusal of the gateway's line, null for `ok`, undefined for another line. */
export function parseAnswer(line: string): string | null | undefined {
  const answer = answerForm.exec(line);
  return answer === null ? undefined : (answer[1] ?? null);
}
