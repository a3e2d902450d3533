#!/usr/bin/env node
import { startProgram } from './runtime.js';

await startProgram(async (args) => {
  const [{ runProgram }, { userRemoveCommand }, { openProcessShell }] = await Promise.all([
    import('../command.js'),
    import('../user/remove.js'),
    import('../terminal/shell.js'),
  ]);
  return runProgram(
    (context) => userRemoveCommand('deletesftpuser', 'deletesftpuser', context),
    args,
    openProcessShell(),
  );
});
