// Runs every part of the tests, also after a failure, and fails at the end if one of them failed.
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';

const parts = ['typecheck', 'lint', 'build', 'test:unit', 'test:system'];
// The programs under test start hundreds of times. Node.js compiles them once.
process.env.NODE_COMPILE_CACHE ??= resolve('node_modules/.cache/compiled');

const failed = parts.filter((part) => {
  console.log(`\n== npm run ${part}`);
  return spawnSync('npm', ['run', '--silent', part], { stdio: 'inherit' }).status !== 0;
});
console.log(failed.length === 0 ? '\nall parts passed' : `\nfailed: ${failed.join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
