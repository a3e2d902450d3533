import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { LiveSettings } from '../assembly/live-settings.js';
import type { LogSink } from '../assembly/logger.js';
import type { GatewaySettings } from '../config/settings.js';
import {
  type ConsoleOptions,
  listeningMessage,
  type OidcOptions,
  oidcSecretVariable,
  optionsVariable,
} from '../console/options.js';
import type { Clock, Logger } from '../model/call.js';
import { Fault, isFault } from '../model/fault.js';

/** Beside this file in a build (scripts/build.mjs). Tests of a checkout build it first. */
const program = new URL(
  import.meta.url.endsWith('.ts') ? '../../dist/bin/lib/console.js' : './console.js',
  import.meta.url,
);
/** The built pages. */
const pages = new URL(
  import.meta.url.endsWith('.ts') ? '../../dist/console/' : '../../console/',
  import.meta.url,
);

/** The built files page. */
const filesPages = new URL(
  import.meta.url.endsWith('.ts') ? '../../dist/files/' : '../../files/',
  import.meta.url,
);

const minBackOffMs = 1_000;
const maxBackOffMs = 60_000;
/** A process that ran longer is started again at once. */
const steadyMs = 60_000;
const stopTimeoutMs = 5_000;
/** Longer lines of the process are cut, so that it cannot fill the gateway's log with one. */
const maxLineCharacters = 16 * 1024;

/** Returns the options of the console's process; null if it is off. */
export function consoleOptionsOf({ current, paths }: LiveSettings): ConsoleOptions | null {
  const { consoleListen, consoleUrl: url, consoleTlsCert: tlsCert, consoleTlsKey: tlsKey } = current;
  if (consoleListen === null) return null;
  const directory = fileURLToPath(pages);
  const filesDirectory = fileURLToPath(filesPages);
  return {
    socket: paths.controlSocket,
    ...consoleListen,
    url,
    tlsCert,
    tlsKey,
    proxyFrom: current.consoleProxyFrom,
    oidc: oidcOptionsOf(current),
    staticDirectory: existsSync(directory) ? directory : null,
    filesSocket: current.filesEnabled ? paths.filesSocket : null,
    filesDirectory: existsSync(filesDirectory) ? filesDirectory : null,
  };
}

function oidcOptionsOf(current: GatewaySettings): OidcOptions | null {
  const { consoleOidcIssuer: issuer, consoleOidcClientId: clientId } = current;
  if (issuer === null) return null;
  if (clientId === null) {
    throw new Fault('invalid', 'console.oidc.issuer needs console.oidc.client.id');
  }
  return {
    issuer,
    clientId,
    clientSecretFile: current.consoleOidcClientSecretFile,
    clientSecret: null,
    scopes: current.consoleOidcScopes ?? 'openid',
    groupsClaim: current.consoleOidcGroupsClaim ?? 'groups',
  };
}

/**
 * Starts the console's process. It gets its options and the client secret of an OpenID provider, and no other variable of the
 * gateway, whose environment may have credentials for S3. It ends when `stdin` of the process is closed.
 */
export function spawnConsole(options: ConsoleOptions): ChildProcess {
  const secret = options.oidc === null ? undefined : process.env[oidcSecretVariable];
  return spawn(process.execPath, [fileURLToPath(program)], {
    env: {
      [optionsVariable]: JSON.stringify(options),
      ...(secret === undefined ? {} : { [oidcSecretVariable]: secret }),
    },
    stdio: ['pipe', 'ignore', 'pipe'],
  });
}

/** The dependencies of `runConsole`. */
export interface ConsoleServices {
  readonly log: Logger;
  /** Receives the lines of the process. */
  readonly sink: LogSink;
  readonly clock: Clock;
  /** Called with the address each time that the process listens. */
  readonly onListening?: (address: string) => void;
  /** Called each time that the process has ended. */
  readonly onEnded?: () => void;
}

/**
 * Keeps the console's process running until the signal aborts: if it ends, starts it again after a pause that
 * doubles up to a minute. Never rejects, because SFTP continues without the console.
 */
export async function runConsole(
  options: ConsoleOptions,
  services: ConsoleServices,
  signal: AbortSignal,
): Promise<void> {
  const { log, clock } = services;
  let pauseMs = minBackOffMs;
  try {
    while (!signal.aborted) {
      const startedMs = clock.monotonicMs();
      const end = await runOnce(options, services, signal);
      services.onEnded?.();
      if (signal.aborted) return;
      if (clock.monotonicMs() - startedMs >= steadyMs) pauseMs = minBackOffMs;
      log.warn('console process ended', { code: end, seconds: pauseMs / 1000 });
      await clock.sleep(pauseMs, signal);
      pauseMs = Math.min(2 * pauseMs, maxBackOffMs);
    }
  } catch (error) {
    if (!isFault(error, 'cancelled')) log.error('console not available', { error: Fault.from(error) });
  }
}

/** Returns the exit code of the process, or the signal that ended it. */
async function runOnce(
  options: ConsoleOptions,
  { sink, onListening }: ConsoleServices,
  signal: AbortSignal,
): Promise<string> {
  const child = spawnConsole(options);
  // A child that ends closes its end of the pipe.
  child.stdin?.on('error', () => undefined);
  if (child.stderr !== null) {
    createInterface({ input: child.stderr }).on('line', (line) => {
      sink.write(`${line.slice(0, maxLineCharacters)}\n`);
      const address = listeningAddress(line);
      if (address !== null) onListening?.(address);
    });
  }
  let timer: NodeJS.Timeout | undefined;
  const stop = () => {
    child.kill('SIGTERM');
    timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    const [code, by] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    return String(code ?? by);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  }
}

/** Returns the address in the line with which the process reports that it listens; null for other lines. */
function listeningAddress(line: string): string | null {
  if (!line.includes(listeningMessage)) return null;
  try {
    const { msg, address } = JSON.parse(line) as { readonly msg?: unknown; readonly address?: unknown };
    return msg === listeningMessage && typeof address === 'string' ? address : null;
  } catch {
    return null;
  }
}
