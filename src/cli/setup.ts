import type { Command } from 'commander';
import type { Administration } from '../daemon/administration.js';
import { Fault } from '../model/fault.js';
import { parseBucketName, parseEndpoint, parseRegion } from './answers.js';
import { type CommandContext, newCommand } from './command.js';
import { askUntil, type Prompter } from './prompter.js';

interface SetupFlags {
  readonly bucket?: string;
  readonly region?: string;
  readonly endpoint?: string;
}

/** `sftpgatewaysetup` and `sftpgw setup`. */
export function setupCommand(name: string, spelling: string, context: CommandContext): Command {
  const summary = [
    'Write the settings that every user shares: bucket, region, endpoint.',
    'At a terminal and without flags it asks. What is not said stays as it is. Credentials are not asked for:',
    'they come from the AWS default chain (role, environment, ~/.aws).',
  ].join('\n');
  const command = newCommand(name, summary, [
    `${spelling}`,
    `${spelling} --bucket my-bucket --region eu-central-1`,
    `${spelling} --bucket files --endpoint https://s3.example.com`,
  ]);
  return command
    .option('--bucket <name>', 'the default bucket')
    .option('--region <region>', 'its region')
    .option('--endpoint <url>', 'an S3 server that is not Amazon; "aws" for Amazon again')
    .action(async (flags: SetupFlags) => {
      const root = context.rootOf(command);
      const { shell } = context;
      await context.administer(root, async (administration) => {
        const given = answersFromFlags(flags);
        let answers = given;
        if (Object.keys(given).length === 0) {
          const asked = shell.withPrompter((prompter) => askSettings(prompter, administration.defaults()));
          if (asked === null) {
            throw new Fault(
              'invalid',
              'say what to set (--bucket, --region, --endpoint), or run it at a terminal',
            );
          }
          answers = await asked;
        }
        const { lines } = await administration.setup(answers);
        for (const line of lines) shell.out(line);
        shell.out('Next: `sftpgw serve` (or restart the service), then `addsftpuser NAME`.');
      });
    });
}

type Settings = Parameters<Administration['setup']>[0];

const amazon = 'aws';

function answersFromFlags(flags: SetupFlags): Settings {
  return {
    ...(flags.bucket === undefined ? {} : { bucket: parseBucketName(flags.bucket) }),
    ...(flags.region === undefined ? {} : { region: parseRegion(flags.region) }),
    ...(flags.endpoint === undefined ? {} : { endpoint: parseEndpointAnswer(flags.endpoint) }),
  };
}

/** The address, or null for Amazon's own. */
function parseEndpointAnswer(text: string): string | null {
  return text.trim().toLowerCase() === amazon ? null : parseEndpoint(text);
}

/** The three questions; Enter keeps what is in force. */
async function askSettings(
  prompter: Prompter,
  now: ReturnType<Administration['defaults']>,
): Promise<Settings> {
  const bucket = await askUntil(prompter, `Default bucket${preset(now.bucket)}: `, (answer) =>
    answer.trim() === '' && now.bucket !== null ? now.bucket : parseBucketName(answer),
  );
  const region = await askUntil(prompter, `Region${preset(now.region)}: `, (answer) =>
    answer.trim() === '' && now.region !== null ? now.region : parseRegion(answer),
  );
  const endpoint = await askUntil(
    prompter,
    `S3 server, "${amazon}" or an address [${now.endpoint ?? amazon}]: `,
    (answer) => (answer.trim() === '' ? now.endpoint : parseEndpointAnswer(answer)),
  );
  return { bucket, region, endpoint };
}

function preset(value: string | null): string {
  return value === null ? '' : ` [${value}]`;
}
