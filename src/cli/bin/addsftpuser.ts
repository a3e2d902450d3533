#!/usr/bin/env node
import { startProgram } from './runtime.js';

await startProgram(async (args) => {
  const [{ runProgram }, { userAddCommand }, { openProcessShell }] = await Promise.all([
    import('../command.js'),
    import('../user/add.js'),
    import('../terminal/shell.js'),
  ]);
  return runProgram(
    (context) => userAddCommand('addsftpuser', 'addsftpuser', context),
    args,
    openProcessShell(),
  );
});
