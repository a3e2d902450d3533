import type { Command } from 'commander';
import { Fault } from '../../model/fault.js';
import type { RootConfig } from '../../operations/root-config.js';
import { type CommandContext, newCommand } from '../command.js';
import { parseBucketName, parseEndpoint, parseRegion } from '../terminal/answers.js';
import { askUntil, type Prompter } from '../terminal/prompter.js';
import { type PolicyFlags, runPolicies, wantsPolicies } from './policies.js';

interface SetupFlags extends PolicyFlags {
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
    '',
    '--policies prints what the gateway and its buckets need at AWS for the users as they are now: the least permissions, a bucket',
    'policy that requires SSE-C below the prefixes of users with SSE-C and keeps others from writing with keys of their own, and a',
    'rule against unfinished uploads. --apply puts what concerns the buckets, under your own credentials, and keeps what is there.',
  ].join('\n');
  const command = newCommand(name, summary, [
    `${spelling}`,
    `${spelling} --bucket my-bucket --region eu-central-1`,
    `${spelling} --bucket files --endpoint https://s3.example.com`,
    `${spelling} --policies --gateway-principal arn:aws:iam::111122223333:role/sftpgw`,
    `${spelling} --apply --gateway-principal arn:aws:iam::111122223333:role/sftpgw --also-allow arn:aws:iam::111122223333:user/admin`,
    `${spelling} --allow-sse-c`,
  ]);
  return command
    .option('--bucket <name>', 'the default bucket')
    .option('--region <region>', 'its region')
    .option('--endpoint <url>', 'an S3 server that is not Amazon; "aws" for Amazon again')
    .option('--policies', 'print what the gateway and its buckets need at AWS')
    .option(
      '--apply',
      'put the bucket policy, the rule against unfinished uploads, and allow SSE-C where users need it',
    )
    .option('--allow-sse-c', 'only allow customer keys (SSE-C) in the buckets of users who need it')
    .option('--gateway-principal <arn>', 'the role or user that the gateway runs as')
    .option('--also-allow <arn...>', 'further principals that may write with customer keys')
    .option('--unfinished-days <days>', 'after how many days unfinished uploads are aborted (7)')
    .option('--json', 'print policies and what was done as JSON')
    .action(async (flags: SetupFlags) => {
      const root = context.rootOf(command);
      const given = answersFromFlags(flags);
      if (wantsPolicies(flags) && Object.keys(given).length === 0)
        return await runPolicies(context, root, flags);
      const { shell } = context;
      await context.withRootConfig(root, async (config) => {
        let answers = given;
        if (Object.keys(given).length === 0) {
          const asked = shell.withPrompter((prompter) => askSettings(prompter, config.defaults()));
          if (asked === null) {
            throw new Fault(
              'invalid',
              'say what to set (--bucket, --region, --endpoint), or run it at a terminal',
            );
          }
          answers = await asked;
        }
        const { lines } = await config.setup(answers);
        for (const line of lines) shell.out(line);
        shell.out('Next: `sftpgw serve` (or restart the service), then `addsftpuser NAME`.');
        shell.out(
          `\`${spelling} --policies\` prints the permissions and the bucket policy that they need at AWS.`,
        );
      });
      if (wantsPolicies(flags)) await runPolicies(context, root, flags);
    });
}

type Settings = Parameters<RootConfig['setup']>[0];

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
async function askSettings(prompter: Prompter, now: ReturnType<RootConfig['defaults']>): Promise<Settings> {
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
