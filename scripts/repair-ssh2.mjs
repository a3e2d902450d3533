// Builds ssh2's native ciphers again where they would abort the process. With the headers of Node 24.19 and later each object of
// node::ObjectWrap takes a clean-up hook back in its destructor, which fails when the garbage collector runs it: the gateway
// would end some time after a connection has (nodejs/node issue 65446). Only the one file is compiled again, in a few seconds.
// Where that is not possible the gateway notices, and goes without them.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const addOn = () => readFileSync(require.resolve('ssh2/lib/protocol/crypto/build/Release/sshcrypto.node'));

function rebuild() {
  const directory = join(dirname(require.resolve('ssh2/package.json')), 'lib/protocol/crypto');
  // `make` runs in `build`, and would take a path apart at its spaces.
  const header = relative(
    join(directory, 'build'),
    fileURLToPath(new URL('ssh2-object-wrap.h', import.meta.url)),
  );
  const nodeGyp = process.env.npm_config_node_gyp;
  const [program, args] = nodeGyp ? [process.execPath, [nodeGyp, 'build']] : ['node-gyp', ['build']];
  return spawnSync(program, args, {
    cwd: directory,
    env: { ...process.env, CXXFLAGS: `${process.env.CXXFLAGS ?? ''} -include ${header}` },
    stdio: 'inherit',
  });
}

function isUnsafe() {
  try {
    return addOn().includes('RemoveEnvironmentCleanupHook');
  } catch {
    return false; // Not built at all: ssh2 has said so.
  }
}

if (isUnsafe()) {
  console.log(`ssh2's native ciphers abort on Node ${process.versions.node}: building them again`);
  rebuild();
  if (isUnsafe())
    console.log(
      'They could not be built: the gateway will go without them, with two to three times the CPU.',
    );
}
