import { startEmbeddedS3 } from '../server.js';

// A separate process for tests that kill it. Serves the directory on its command line and prints
// the endpoint.
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
