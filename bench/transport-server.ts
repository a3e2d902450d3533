/**
 * The SFTP server alone: `transport-server PUBLIC_KEY_FILE HOST_KEY_DIRECTORY [PORT [FILE_BYTES]]`. It accepts every user
 * with the key, prints `ready PORT`, and discards written data. SFTPGW_BENCH_LOG=debug writes the log to
 * stderr.
 */
import { readFileSync } from 'node:fs';
import { createLogger, type LogLevel } from '../src/assembly/logger.js';
import { systemClock, systemEntropy } from '../src/assembly/system.js';
import { hasNativeCrypto } from '../src/sftp/native-crypto.js';
import { startSftpServer } from '../src/sftp/server.js';
import { plainLogins } from '../src/users/testing/plain-logins.js';
import { transportVfs } from './transport-vfs.js';

const [publicKeyFile, hostKeyDirectory, port = '0', fileBytes = String(1024 ** 3)] = process.argv.slice(2);
if (publicKeyFile === undefined || hostKeyDirectory === undefined) {
  throw new Error('usage: transport-server PUBLIC_KEY_FILE HOST_KEY_DIRECTORY [PORT [FILE_BYTES]]');
}
const blob = Buffer.from(readFileSync(publicKeyFile, 'utf8').split(' ')[1] ?? '', 'base64');
const level = (process.env['SFTPGW_BENCH_LOG'] ?? 'warn') as LogLevel;
const server = await startSftpServer({
  host: '127.0.0.1',
  port: Number(port),
  hostKeyDirectory,
  users: plainLogins({
    verify: async (_call, _username, credential) =>
      credential.kind === 'public-key' && blob.equals(credential.blob),
  }),
  vfs: { forUser: async () => transportVfs(Number(fileBytes)) },
  log: createLogger(level, process.stderr),
  clock: systemClock,
  entropy: systemEntropy,
});
process.once('SIGTERM', () => void server.close());
process.stdout.write(`ready ${server.address.port} native crypto ${hasNativeCrypto}\n`);
