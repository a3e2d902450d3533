import { Fault } from '../model/fault.js';
import { createConsoleLog } from './log.js';
import { listeningMessage, oidcSecretVariable, optionsVariable, readOptions } from './options.js';
import { createConsoleServer } from './server.js';

/**
 * The program of the console's process. It has its options from one variable, logs to stderr, and ends with the
 * process that started it: its stdin is a pipe, which ends then.
 */
async function main(): Promise<void> {
  const log = createConsoleLog((line) => process.stderr.write(line));
  try {
    const options = readOptions(process.env);
    delete process.env[optionsVariable];
    delete process.env[oidcSecretVariable];
    const server = await createConsoleServer(options, log);
    const { host, port } = options;
    const address = await listen(server.listen({ host, port }));
    log.info(listeningMessage, { address, url: options.url });
    const stop = () => void server.close().then(() => process.exit(0));
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, stop);
    process.stdin.on('end', stop).on('error', stop).resume();
  } catch (error) {
    log.error('console cannot start', { error: Fault.from(error) });
    process.exitCode = 1;
  }
}

async function listen(listening: Promise<string>): Promise<string> {
  try {
    return await listening;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    throw new Fault('unavailable', `the console cannot listen: ${code}`, { cause: error });
  }
}

await main();
