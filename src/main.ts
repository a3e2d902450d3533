#!/usr/bin/env node
import { runProgram } from './cli/command.js';
import { sftpgwProgram } from './cli/program.js';
import { openProcessShell } from './cli/shell.js';

process.exitCode = await runProgram(sftpgwProgram, process.argv.slice(2), openProcessShell());
