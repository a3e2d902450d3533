#!/usr/bin/env node
import { runProgram } from '../command.js';
import { openProcessShell } from '../shell.js';
import { userAddCommand } from '../user-add.js';

process.exitCode = await runProgram(
  (context) => userAddCommand('addsftpuser', 'addsftpuser', context),
  process.argv.slice(2),
  openProcessShell(),
);
