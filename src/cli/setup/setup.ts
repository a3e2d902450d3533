import type { Command } from 'commander';
import { Fault } from '../../model/fault.js';
import type { RootConfig } from '../../operations/root-config.js';
import { type CommandContext, newCommand } from '../command.js';
import { rootExits } from '../exit-codes.js';
import { parseBucketAnswer, parseEndpoint, parseRegion } from '../terminal/answers.js';
import { askUntil, type Prompter } from '../terminal/prompter.js';
import { type PolicyFlags, runPolicies, wantsPolicies } from './policies.js';

interface SetupFlags extends PolicyFlags {
  readonly bucket?: string;
  readonly region?: string;
  readonly endpoint?: string;
}

/** Creates `sftpgatewaysetup` and `sftpgw setup`. */
export function setupCommand(name: string, spelling: string, context: CommandContext): Command {
  const summary = [
    'Set the bucket, region and endpoint for all users.',
    'Asks at a terminal if there are no flags. Keeps all other settings. Credentials come from the AWS default chain (role, environment, ~/.aws).',
    '',
    '--policies prints what the gateway and its buckets need at AWS for the present users: the minimum permissions, a bucket policy that requires SSE-C for users with SSE-C and prevents other principals from writing with their own keys, and a rule that aborts incomplete uploads. --apply applies the bucket parts with your own credentials and keeps existing rules.',
  ].join('\n');
  const command = newCommand(
    name,
    summary,
    [
      `${spelling}`,
      `${spelling} --bucket my-bucket --region eu-central-1`,
      `${spelling} --bucket files --endpoint https://s3.example.com`,
      `${spelling} --policies`,
      `${spelling} --apply \\\n  --gateway-principal arn:aws:iam::111122223333:role/sftpgw \\\n  --also-allow arn:aws:iam::111122223333:user/admin`,
      `${spelling} --allow-sse-c`,
    ],
    [...rootExits, 'conflict'],
  );
  return command
    .option('--bucket <name>', 'set the default bucket')
    .option('--region <region>', 'set the region of the bucket')
    .option('--endpoint <url>', 'set an S3 server other than Amazon; "aws" resets it')
    .option('--policies', 'print what the gateway and its buckets need at AWS')
    .option(
      '--apply',
      'apply the bucket policy and the rule for incomplete uploads, and allow SSE-C where users need it',
    )
    .option('--allow-sse-c', 'allow SSE-C in the buckets of users who need it, change nothing else')
    .option('--gateway-principal <arn>', 'role or user that the gateway runs as')
    .option('--also-allow <arn...>', 'other principals that may write with customer keys')
    .option('--unfinished-days <days>', 'days after which incomplete uploads are aborted (default: 7)')
    .option('--json', 'print JSON')
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
              'give the settings (--bucket, --region, --endpoint), or run it at a terminal',
            );
          }
          answers = await asked;
        }
        const { lines } = await config.setup(answers);
        for (const line of lines) shell.out(line);
        shell.out('Next: `sftpgw serve` (or restart the service), then `addsftpuser NAME`.');
        shell.out(`\`${spelling} --policies\` prints the permissions and the bucket policy for AWS.`);
      });
      if (wantsPolicies(flags)) await runPolicies(context, root, flags);
    });
}

type Settings = Parameters<RootConfig['setup']>[0];

const amazon = 'aws';

function answersFromFlags(flags: SetupFlags): Settings {
  return {
    ...(flags.bucket === undefined ? {} : { bucket: parseBucketAnswer(flags.bucket) }),
    ...(flags.region === undefined ? {} : { region: parseRegion(flags.region) }),
    ...(flags.endpoint === undefined ? {} : { endpoint: parseEndpointAnswer(flags.endpoint) }),
  };
}

/** Parses an endpoint; null for Amazon. */
function parseEndpointAnswer(text: string): string | null {
  return text.trim().toLowerCase() === amazon ? null : parseEndpoint(text);
}

/** Asks for the three settings. Enter keeps the present value. */
async function askSettings(prompter: Prompter, now: ReturnType<RootConfig['defaults']>): Promise<Settings> {
  const bucket = await askUntil(prompter, `Default bucket${preset(now.bucket)}: `, (answer) =>
    answer.trim() === '' && now.bucket !== null ? now.bucket : parseBucketAnswer(answer),
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
