import { existsSync } from 'node:fs';
import { join, resolve, sep } from 'node:path';
import { isCheckout, packageDirectory } from '../assembly/package.js';

/** Exists on a machine that runs the gateway as a service, with `/` as its root. */
export const serviceMarker = '/opt/sftpgw/sftpgateway.properties';

/** Input of `chooseRoot`. */
export interface ProcessContext {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly workingDirectory: string;
  /** Directory of the checkout; null for an installed package. */
  readonly checkout: string | null;
  readonly hasServiceMarker: boolean;
}

/** Returns the context of this process. */
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
 * Returns the absolute root: `--root`, else `SFTPGW_ROOT`, else `/` for an installed package. A
 * checkout has `sftpgw-data` beside its sources. If the machine runs the service, commands outside
 * the checkout use `/`, and commands inside it still use `sftpgw-data`.
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
  'root of all files (default: SFTPGW_ROOT, else / if installed, else ./sftpgw-data of the checkout)';
