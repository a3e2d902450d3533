import { Command, CommanderError } from 'commander';
import type { OpenRoot } from '../operations/open-root.js';
import type { RootConfig } from '../operations/root-config.js';
import { type ExitName, exitCodeHelp, exitCodeOf, exitCodes } from './exit-codes.js';
import { chooseRoot, processContext, rootHelp } from './root.js';
import { faultOf } from './system-faults.js';
import { renderFault } from './terminal/render.js';
import type { Shell } from './terminal/shell.js';

/** The environment of a command. */
export interface CommandContext {
  readonly shell: Shell;
  /** Returns the root of the command: see `chooseRoot`. */
  rootOf(command: Command): string;
  /** Opens the users and settings of a root, runs the work and closes them. */
  withRootConfig<T>(root: string, work: (config: RootConfig) => Promise<T>): Promise<T>;
  /**
   * Opens the objects, keys and ledger of a root, runs the work and closes them. SIGINT and SIGTERM
   * cancel the work's call. A second signal ends the process as usual.
   */
  withRoot<T>(root: string, work: (opened: OpenRoot) => Promise<T>): Promise<T>;
  /**
   * Runs work that takes several seconds without an open root. SIGINT and SIGTERM abort its signal.
   */
  interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /** Sets the exit code of a command that ends without a fault. */
  setExitCode(code: number): void;
}

/** Width of help texts in columns, on every terminal. */
export const helpColumns = 80;

/**
 * Creates a command. Its help ends with the examples and the command's exit codes. The first line
 * of the description is its summary in the help of the parent command.
 */
export function newCommand(
  name: string,
  description: string,
  examples: readonly string[],
  exits: readonly ExitName[],
): Command {
  const shown = examples.map((example) => `  ${example.replaceAll('\n', '\n  ')}`).join('\n');
  const [firstLine = ''] = description.split('\n');
  return new Command(name)
    .summary(firstLine)
    .description(description)
    .addHelpText('after', `\nExamples:\n${shown}\n\n${exitCodeHelp(exits)}`)
    .configureHelp({ helpWidth: helpColumns, showGlobalOptions: true });
}

/**
 * Opens the settings of a root. Loads the module late, because `--help` needs neither S3 nor the
 * database.
 */
async function openRootConfigLate(root: string): Promise<RootConfig> {
  const { openRootConfig } = await import('../operations/root-config.js');
  return openRootConfig(root);
}

/**
 * Runs a program with its arguments (without node and the script) and returns the exit code. Prints
 * anything thrown as one line on stderr.
 */
export async function runProgram(
  build: (context: CommandContext) => Command,
  args: readonly string[],
  shell: Shell,
  open: (root: string) => Promise<RootConfig> = openRootConfigLate,
): Promise<number> {
  let exitCode: number = exitCodes.success;
  const program = build({
    shell,
    rootOf: (command) => {
      const options = command.optsWithGlobals<{ root?: string }>();
      return chooseRoot(options.root, processContext(shell.environment, shell.workingDirectory));
    },
    withRootConfig: async (root, work) => {
      const config = await open(root);
      try {
        return await work(config);
      } finally {
        await config.close();
      }
    },
    withRoot: async (root, work) => {
      const { openRoot } = await import('../operations/open-root.js');
      return await interruptible(async (signal) => {
        await using opened = await openRoot(root, signal);
        return await work(opened);
      });
    },
    interruptible,
    setExitCode: (code) => {
      exitCode = code;
    },
  });
  program.option('--root <dir>', rootHelp);
  prepare(program, program.name(), shell);
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? exitCodes.success : exitCodes.usage;
    const fault = faultOf(thrown);
    shell.err(renderFault(program.name(), fault));
    return exitCodeOf[fault.kind];
  }
}

/**
 * Aborts the signal of the work on SIGINT and SIGTERM. A second signal ends the process as usual.
 */
async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort();
  for (const signal of interruptSignals) process.once(signal, interrupt);
  try {
    return await work(interrupted.signal);
  } finally {
    for (const signal of interruptSignals) process.off(signal, interrupt);
  }
}

const interruptSignals = ['SIGINT', 'SIGTERM'] as const;

/**
 * Makes a command and those below it print through the shell, and throw errors instead of ending
 * the process.
 */
function prepare(command: Command, programName: string, shell: Shell): void {
  command.exitOverride();
  command.configureOutput({
    writeOut: (text) => shell.out(text.trimEnd()),
    writeErr: (text) => shell.err(text.trimEnd()),
    outputError: (text, write) => {
      write(`${programName}: ${text.replace(/^error: /, '').trimEnd()}; see --help`);
    },
  });
  for (const below of command.commands) prepare(below, programName, shell);
}
