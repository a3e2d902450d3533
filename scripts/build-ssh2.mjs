// Builds the native ciphers of ssh2 with the headers of the Node.js that runs this script. npm's own build
// would use the headers of the Node.js that runs npm. The added header avoids node::ObjectWrap, whose
// destructor aborts on Node 24.19 and later when the garbage collector runs it (nodejs/node issue 65446).
// Without a compiler the gateway works, with two to three times the CPU.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const directory = join(dirname(require.resolve('ssh2/package.json')), 'lib/protocol/crypto');
// A relative path, because `make` splits a path at its spaces. `make` runs in `build`.
const header = relative(
  join(directory, 'build'),
  fileURLToPath(new URL('ssh2-object-wrap.h', import.meta.url)),
);
const runtime = dirname(dirname(process.execPath));
// node-gyp prefers this variable to its option, and npm may have set it for its own Node.js.
const headers = existsSync(join(runtime, 'include/node/node.h')) ? { npm_config_nodedir: runtime } : {};
const openssl = `--real_openssl_major=${process.versions.openssl.split('.')[0]}`;
const nodeGyp = process.env.npm_config_node_gyp;
const [program, first] = nodeGyp ? [process.execPath, [nodeGyp]] : ['node-gyp', []];

const { status } = spawnSync(program, [...first, 'rebuild', `--target=${process.version}`, openssl], {
  cwd: directory,
  env: { ...process.env, ...headers, CXXFLAGS: `${process.env.CXXFLAGS ?? ''} -include ${header}` },
  stdio: ['ignore', 'ignore', 'inherit'],
});
console.log(
  status === 0
    ? `built the native ciphers of ssh2 for Node.js ${process.versions.node}`
    : 'the native ciphers of ssh2 were not built: SFTP takes two to three times the CPU. Install a C++ compiler, make and Python, then run "npm install" again',
);
