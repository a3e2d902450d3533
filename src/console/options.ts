import { Fault } from '../model/fault.js';

/** An OpenID provider. */
export interface OidcOptions {
  readonly issuer: string;
  readonly clientId: string;
  /** The path of a file with the client secret; null for the variable, or a public client. */
  readonly clientSecretFile: string | null;
  /** From the variable of its own. It opens no file of a customer. */
  readonly clientSecret: string | null;
  readonly scopes: string;
  readonly groupsClaim: string;
}

/** Everything that the console's process knows. Only the client secret of an OpenID provider is secret. */
export interface ConsoleOptions {
  /** The gateway's control socket. */
  readonly socket: string;
  readonly host: string;
  /** 0 selects a free port. */
  readonly port: number;
  /** The URL for people; null for the address itself. */
  readonly url: string | null;
  /** Paths of PEM files; null for plain HTTP. */
  readonly tlsCert: string | null;
  readonly tlsKey: string | null;
  /** Addresses and networks of proxies in front, separated by commas; null for none. */
  readonly proxyFrom: string | null;
  readonly oidc: OidcOptions | null;
  /** The directory of the pages; null if there are none. */
  readonly staticDirectory: string | null;
  /** The gateway's socket for the files page; null if the page is off. */
  readonly filesSocket: string | null;
  /** The directory of the files page; null if it is not built. */
  readonly filesDirectory: string | null;
}

/** The variable with the options, as JSON. The process gets no other variable of the gateway. */
export const optionsVariable = 'SFTPGW_CONSOLE_OPTIONS';
/** The log message, with the field `address`, once the process listens. */
export const listeningMessage = 'console is listening';
/** The variable with the client secret of an OpenID provider. Only its value is passed on, if the gateway has it. */
export const oidcSecretVariable = 'SFTPGW_CONSOLE_OIDC_CLIENT_SECRET';

/** Returns the options in the environment. Throws `invalid`. */
export function readOptions(environment: Readonly<Record<string, string | undefined>>): ConsoleOptions {
  const text = environment[optionsVariable];
  if (text === undefined) {
    throw new Fault('invalid', `${optionsVariable} is not set: start the console with \`sftpgw console\``);
  }
  const options = JSON.parse(text) as ConsoleOptions;
  const clientSecret = environment[oidcSecretVariable] ?? null;
  return { ...options, oidc: options.oidc === null ? null : { ...options.oidc, clientSecret } };
}
