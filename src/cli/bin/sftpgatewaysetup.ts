#!/usr/bin/env node
import { startProgram } from './runtime.js';

await startProgram(async (args) => {
  const [{ runProgram }, { setupCommand }, { openProcessShell }] = await Promise.all([
    import('../command.js'),
    import('../setup/setup.js'),
    import('../terminal/shell.js'),
  ]);
  return runProgram(
    (context) => setupCommand('sftpgatewaysetup', 'sftpgatewaysetup', context),
    args,
    openProcessShell(),
  );
});
