#!/usr/bin/env node
import { runProgram } from '../command.js';
import { setupCommand } from '../setup.js';
import { openProcessShell } from '../shell.js';

process.exitCode = await runProgram(
  (context) => setupCommand('sftpgatewaysetup', 'sftpgatewaysetup', context),
  process.argv.slice(2),
  openProcessShell(),
);
