import { existsSync } from 'node:fs';
import { join, resolve, sep } from 'node:path';
import { isCheckout, packageDirectory } from './package.js';

/** Its presence says that the machine runs the gateway as a service, with `/` as its root. */
export const serviceMarker = '/opt/sftpgw/sftpgateway.properties';

/** What the choice of the root depends on. */
export interface ProcessContext {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly workingDirectory: string;
  /** Of the package, when it runs from its sources; null when it is installed. */
  readonly checkout: string | null;
  readonly hasServiceMarker: boolean;
}

export function processContext(
  environment: ProcessContext['environment'],
  workingDirectory: string,
): ProcessContext {
  return {
    environment,
    workingDirectory,
    checkout: isCheckout ? packageDirectory : null,
    hasServiceMarker: existsSync(serviceMarker),
  };
}

/**
 * The root, absolute: `--root`, else `SFTPGW_ROOT`, else `/` for an installed package. A checkout has `sftpgw-data`
 * beside its sources, unless the machine's service runs from this checkout and the person stands elsewhere: inside the
 * checkout nobody means the service's users.
 */
export function chooseRoot(flag: string | undefined, around: ProcessContext): string {
  const named = flag ?? around.environment['SFTPGW_ROOT'];
  if (named !== undefined && named !== '') return resolve(around.workingDirectory, named);
  if (around.checkout === null) return '/';
  const inside = `${around.workingDirectory}${sep}`.startsWith(`${around.checkout}${sep}`);
  if (around.hasServiceMarker && !inside) return '/';
  return join(around.checkout, 'sftpgw-data');
}

export const rootHelp =
  'where everything lives (default: SFTPGW_ROOT, else / when installed, ./sftpgw-data of a checkout)';
