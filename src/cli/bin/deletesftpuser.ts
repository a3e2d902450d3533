#!/usr/bin/env node
import { runProgram } from '../command.js';
import { openProcessShell } from '../shell.js';
import { userRemoveCommand } from '../user-remove.js';

process.exitCode = await runProgram(
  (context) => userRemoveCommand('deletesftpuser', 'deletesftpuser', context),
  process.argv.slice(2),
  openProcessShell(),
);
