// Runs the steps with ssh2-sftp-client. Arguments: PORT USER IDENTITY.
import { createReadStream, readFileSync, statSync } from 'node:fs';
import { createInterface } from 'node:readline';
import Client from 'ssh2-sftp-client';

const [port, username, identity] = process.argv.slice(2);
const sftp = new Client();
await sftp.connect({ host: '127.0.0.1', port: Number(port), username, privateKey: readFileSync(identity) });

const steps = {
  put: (local, remote) => sftp.fastPut(local, remote),
  get: (remote, local) => sftp.fastGet(remote, local),
  resumePut: async (local, remote) => {
    const { size } = await sftp.stat(remote);
    return sftp.put(createReadStream(local, { start: size }), remote, {
      writeStreamOptions: { flags: 'r+', start: size },
    });
  },
  resumeGet: async (remote, local) => {
    const { size } = statSync(local);
    return sftp.get(remote, local, {
      readStreamOptions: { start: size },
      writeStreamOptions: { flags: 'a' },
    });
  },
  rename: (from, to) => sftp.rename(from, to),
  replace: (from, to) => sftp.posixRename(from, to),
  mkdir: (path) => sftp.mkdir(path),
  rmdir: (path) => sftp.rmdir(path),
  putTree: (local, remote) => sftp.uploadDir(local, remote),
  getTree: (remote, local) => sftp.downloadDir(remote, local),
  chmod: (mode, path) => sftp.chmod(path, Number.parseInt(mode, 8)),
  append: (local, remote) => sftp.append(readFileSync(local), remote),
  change: (remote, offset, text) =>
    sftp.put(Buffer.from(text), remote, { writeStreamOptions: { flags: 'r+', start: Number(offset) } }),
};
for await (const line of createInterface({ input: process.stdin })) {
  const [name = '', ...args] = line.split('\t');
  if (steps[name] === undefined) {
    console.log('absent');
    continue;
  }
  try {
    await steps[name](...args);
    console.log('done');
  } catch (error) {
    console.log(`failed\t${String(error.message).replaceAll(/[\n\t]/g, ' ')}`);
  }
}
await sftp.end();
