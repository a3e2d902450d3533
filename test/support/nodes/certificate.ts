import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runOk } from '../command.js';

/** A certificate and its key, in PEM and as files. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
  /** The certificate, which is its own authority. */
  readonly certFile: string;
  /** The certificate and the key, as HAProxy reads them. */
  readonly bothFile: string;
}

/** Creates a self-signed certificate for these addresses, in a directory of the test. */
export async function createCertificate(
  directory: string,
  addresses: readonly string[],
): Promise<Certificate> {
  const certFile = join(directory, 'nodes.crt');
  const keyFile = join(directory, 'nodes.key');
  const bothFile = join(directory, 'nodes.pem');
  const names = addresses.map((address) => `IP:${address}`).join(',');
  await runOk('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
    ...['-subj', '/CN=nodes', '-addext', `subjectAltName=${names}`, '-keyout', keyFile, '-out', certFile],
  ]);
  await runOk('sh', ['-c', 'umask 077; cat "$1" "$2" > "$3"', 'sh', certFile, keyFile, bothFile]);
  return { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8'), certFile, bothFile };
}
