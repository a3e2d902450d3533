import { Command, CommanderError } from 'commander';
import type { OpenRoot } from '../operations/open-root.js';
import type { RootConfig } from '../operations/root-config.js';
import { exitCodeHelp, exitCodeOf, exitCodes } from './exit-codes.js';
import { chooseRoot, processContext, rootHelp } from './root.js';
import { faultOf } from './system-faults.js';
import { renderFault } from './terminal/render.js';
import type { Shell } from './terminal/shell.js';

/** What every command is given. */
export interface CommandContext {
  readonly shell: Shell;
  /** Where the command acts: see `chooseRoot`. */
  rootOf(command: Command): string;
  /** Opens the users and settings below a root; the work's end closes them. */
  withRootConfig<T>(root: string, work: (config: RootConfig) => Promise<T>): Promise<T>;
  /**
   * Opens the objects, keys and the ledger of a root; the work's end closes them. Interrupted (SIGINT, SIGTERM), the work's call is
   * cancelled; a second signal ends the process as usual.
   */
  withRoot<T>(root: string, work: (opened: OpenRoot) => Promise<T>): Promise<T>;
  /** For work of several seconds that needs no root opened: interrupted, its signal is aborted. */
  interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /** For the commands that answer with a code of their own. */
  setExitCode(code: number): void;
}

/**
 * A command with its help: examples first, then the exit codes that all of them share. The description's first line
 * stands alone in the list of the command above.
 */
export function newCommand(name: string, description: string, examples: readonly string[]): Command {
  const shown = examples.map((example) => `  ${example}`).join('\n');
  const [firstLine = ''] = description.split('\n');
  return new Command(name)
    .summary(firstLine)
    .description(description)
    .addHelpText('after', `\nExamples:\n${shown}\n\n${exitCodeHelp()}`)
    .configureHelp({ showGlobalOptions: true });
}

/** Opens the administration of a root. Loaded only now: `--help` need not wait for the S3 client and the database. */
async function openAdministration(root: string): Promise<RootConfig> {
  const daemon = await import('../operations/root-config.js');
  return daemon.openRootConfig(root);
}

/**
 * Runs one program on its arguments (without node and the script) and answers the exit code. Whatever is thrown ends
 * as one line on stderr.
 */
export async function runProgram(
  build: (context: CommandContext) => Command,
  args: readonly string[],
  shell: Shell,
  open: (root: string) => Promise<RootConfig> = openAdministration,
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

/** A second signal ends the process as usual. */
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

/** Output through the shell, and errors thrown instead of ending the process, for a command and those below it. */
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
