import { startEmbeddedS3 } from '../server.js';

// A process of its own, for tests that kill it: serves the directory named on the command line and prints where.
const [directory = ''] = process.argv.slice(2);
const server = await startEmbeddedS3({
  directory,
  listen: { host: '127.0.0.1', port: 0 },
  region: 'us-east-1',
  log: (line) => {
    if (line.level !== 'debug') process.stderr.write(`${JSON.stringify(line)}\n`);
  },
});
process.stdout.write(`${JSON.stringify({ endpoint: server.endpoint, ...server.credentials })}\n`);
process.on('SIGTERM', () => void server.close(2000).then(() => process.exit(0)));
