import type { LoginObstacle } from '../../model/api/login-check.js';
import type { Call } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { LoginMethod } from '../../model/users/logins.js';
import type { Username } from '../../model/users.js';
import { type GatewayDefaults, globalKeyFilesOf } from '../defaults.js';
import type { UserDirectoryServices } from '../user-directory.js';
import { located, UserFiles } from '../user-files.js';
import type { UserProperties } from '../user-properties.js';
import { accountBar } from './account-bar.js';
import { describeLogin, methodChecks } from './describe-login.js';
import { GlobalKeys } from './global-keys.js';
import { refusalOf } from './key-search.js';
import { formatSequences } from './login-methods.js';

/** The attempt to explain. */
export interface ExplainedLogin {
  readonly call: Call;
  readonly username: Username;
  /** The addresses of the client; none if it is unknown. */
  readonly addresses: readonly string[];
  readonly nowMs: number;
}

const showHint = 'Check the user with the command.';

/**
 * Returns what in the files of a user, and in the files of keys for all users, refuses a login. It applies the rules
 * that the logins themselves apply. Reads the present files, not the last valid ones of the running gateway. Throws
 * `denied` and `unavailable` for files that cannot be read.
 */
export async function explainLogin(
  services: Pick<UserDirectoryServices, 'directories' | 'defaults'>,
  login: ExplainedLogin,
): Promise<readonly LoginObstacle[]> {
  const files = new UserFiles(services.directories);
  const { username } = login;
  const parsed = await files.properties(username);
  if (parsed === null) {
    return [
      {
        code: 'unknown-user',
        severity: 'blocks',
        what: `There is no user ${username}.`,
        whatToDo: 'Check the spelling, or add the user.',
        command: `addsftpuser ${username}`,
      },
    ];
  }
  const { properties, problems } = parsed;
  const errors = problems.filter(({ severity }) => severity === 'error');
  return [
    ...located(files.paths(username).properties, errors).map(
      (text): LoginObstacle => ({
        code: 'settings-invalid',
        severity: 'blocks',
        what: `The settings of ${username} have an error: ${text}.`,
        whatToDo: 'Correct the line. Until then a gateway that has started with valid settings uses those.',
        command: null,
      }),
    ),
    ...accountObstacles(properties, login),
    ...(await credentialObstacles(files, properties, services.defaults(), login)),
    ...(await keyObstacles(files, services.defaults(), login)),
  ];
}

function accountObstacles(properties: UserProperties, login: ExplainedLogin): readonly LoginObstacle[] {
  const { username, addresses, nowMs } = login;
  const found: LoginObstacle[] = [];
  const bar = accountBar(properties, nowMs);
  if (bar === 'disabled') {
    found.push({
      code: 'disabled',
      severity: 'blocks',
      what: `The account of ${username} is disabled.`,
      whatToDo: 'Enable it.',
      command: `sftpgw user enable ${username}`,
    });
  }
  if (bar === 'expired') {
    found.push({
      code: 'expired',
      severity: 'blocks',
      what: `The account of ${username} expired at ${new Date(properties.loginExpiresMs ?? 0).toISOString()}.`,
      whatToDo: 'Set a later time, or none.',
      command: `sftpgw user expire ${username} never`,
    });
  }
  for (const address of addresses) {
    if (properties.loginFrom?.match(address) ?? true) continue;
    found.push({
      code: 'address-not-allowed',
      severity: 'blocks',
      what: `login.from of ${username} (${properties.loginFrom?.text ?? ''}) does not have ${address}.`,
      whatToDo: 'Add the address to the list.',
      command: `sftpgw user add ${username} --login-from LIST`,
    });
  }
  return found;
}

/** Returns the credentials that the sequences of methods need and that the user does not have. */
async function credentialObstacles(
  files: UserFiles,
  properties: UserProperties,
  defaults: GatewayDefaults,
  { username }: ExplainedLogin,
): Promise<readonly LoginObstacle[]> {
  const { summary, problems } = await describeLogin(files, username, properties, defaults);
  const severity = summary.canLogIn ? 'hinders' : 'blocks';
  const found: LoginObstacle[] = problems.map((text) => ({
    code: codeOfProblem(text),
    severity,
    what: `${text}.`,
    whatToDo: 'Correct the file.',
    command: null,
  }));
  if (summary.canLogIn) return found;
  const hasNothing = summary.publicKeys.length === 0 && !summary.hasPassword;
  if (hasNothing && (defaults.userCaFile ?? null) === null) {
    const what = `${username} has neither a public key nor a password.`;
    found.push({ code: 'no-credential', severity, what, ...addLogin(username) });
    return found;
  }
  const { missing } = await methodChecks(files, username, properties, defaults);
  found.push(...missing.map((method) => obstacleOfMethod(method, username, properties)));
  return found;
}

function codeOfProblem(text: string): string {
  if (/TOTP|totp/.test(text)) return 'second-factor-missing';
  return /unsupported|below|bits|certificates are not/.test(text) ? 'key-algorithm' : 'key-line-unusable';
}

function addLogin(username: string) {
  return {
    whatToDo: 'Add a public key or a password.',
    command: `sftpgw user add ${username} --public-key-file FILE`,
  };
}

function obstacleOfMethod(method: LoginMethod, username: string, properties: UserProperties): LoginObstacle {
  const sequences = formatSequences(properties.loginMethods);
  const needs = `login.methods of ${username} (${sequences}) needs ${method}`;
  const common = { severity: 'blocks', whatToDo: showHint, command: `sftpgw user show ${username}` } as const;
  switch (method) {
    case 'publickey':
      return { ...common, code: 'no-public-key', what: `${needs}, and no public key may log in.` };
    case 'password':
      return { ...common, code: 'no-password', what: `${needs}, and the user has no password.` };
    case 'keyboard-interactive':
      return properties.totp
        ? {
            ...common,
            code: 'second-factor-missing',
            what: `${needs}, and the user has no usable TOTP secret or no password.`,
            whatToDo: 'Give the user a second factor, or a password.',
            command: `sftpgw user totp ${username} --replace`,
          }
        : { ...common, code: 'no-password', what: `${needs}, and the user has no password.` };
  }
}

/** Returns the lines of `authorized_keys` that may not log in now, and the problems of the files for all users. */
async function keyObstacles(
  files: UserFiles,
  defaults: GatewayDefaults,
  { call, username, addresses, nowMs }: ExplainedLogin,
): Promise<readonly LoginObstacle[]> {
  const global = new GlobalKeys(() => globalKeyFilesOf(defaults));
  const { keys } = await files.authorizedKeys(username);
  const path = files.paths(username).authorizedKeys;
  const found: LoginObstacle[] = (await global.problems()).map(({ text }) => ({
    code: 'key-files-unusable',
    severity: 'hinders',
    what: `A file of keys for all users cannot be used: ${text}.`,
    whatToDo: 'Correct the file: until then keys are refused.',
    command: 'sftpgw doctor',
  }));
  for (const key of keys) {
    // Without an address, only what refuses every address counts.
    const attempts =
      addresses.length === 0
        ? [refusalOf({ ...key, from: null }, { username, address: '', nowMs })]
        : addresses.map((address) => refusalOf(key, { username, address, nowMs }));
    const reasons = new Set(attempts.filter((reason) => reason !== null));
    for (const reason of reasons) {
      const isFrom = reason.startsWith('from=');
      found.push({
        code: isFrom ? 'key-from' : 'key-expired',
        severity: 'hinders',
        what: `The key ${key.fingerprint} (${path} line ${key.line}) may not log in: ${reason}.`,
        whatToDo: 'Change or remove the options of the line, or use another key.',
        command: null,
      });
    }
    if (key.isAuthority) continue;
    const { type, blob, fingerprint } = key;
    if (await global.revokes(call.log, { kind: 'plain', type, blob, fingerprint })) {
      found.push({
        code: 'key-revoked',
        severity: 'hinders',
        what: `The key ${fingerprint} is revoked, or the list of revoked keys is unusable.`,
        whatToDo: 'Use another key.',
        command: `sftpgw user add ${username} --public-key-file FILE`,
      });
    }
  }
  return found;
}

/** Returns the obstacle of a fault that a session of the user would meet. */
export function obstacleOfFault(
  code: string,
  severity: LoginObstacle['severity'],
  error: unknown,
): LoginObstacle {
  return { code, severity, what: `${Fault.from(error).hint}.`, whatToDo: showHint, command: 'sftpgw doctor' };
}
