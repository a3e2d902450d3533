#!/usr/bin/env node
import { startProgram } from './cli/bin/runtime.js';

await startProgram(async (args) => {
  const [{ runProgram }, { sftpgwProgram }, { openProcessShell }] = await Promise.all([
    import('./cli/command.js'),
    import('./cli/program.js'),
    import('./cli/terminal/shell.js'),
  ]);
  return runProgram(sftpgwProgram, args, openProcessShell());
});
