import type { GatewaySettings } from '../../config/settings.js';
import type { LoginCheck, LoginObstacle, RecordedRefusal } from '../../model/api/login-check.js';
import type { AuditReader } from '../../model/audit.js';
import type { Ban } from '../../model/bans.js';
import type { Call } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { SessionStatus } from '../../model/live.js';
import type { UserDirectory, Username } from '../../model/users.js';
import { sourceOf } from '../../users/addresses.js';
import { explainLogin, obstacleOfFault } from '../../users/logins/explain-login.js';
import { parseNetworks } from '../../users/property-values.js';
import type { UserDirectoryServices } from '../../users/user-directory.js';

/** The services of a login check. The running gateway's services are null without one. */
export interface LoginCheckServices {
  readonly call: Call;
  readonly userServices: UserDirectoryServices;
  readonly users: Pick<UserDirectory, 'settings' | 'uploadEncryption'>;
  readonly settings: Pick<
    GatewaySettings,
    'sftpAllowFrom' | 'sftpDenyFrom' | 'sftpSessionsMax' | 'sftpSessionsPerUser' | 'sftpSessionsPerAddress'
  >;
  readonly bans: readonly Ban[] | null;
  readonly sessions: readonly SessionStatus[] | null;
  readonly trail: Pick<AuditReader, 'query'> | null;
  readonly nowMs: number;
}

/** Refusals in the answer. */
const maxRefusals = 20;
/** Addresses of refusals that are checked. */
const maxAddresses = 5;

/**
 * Explains why a user cannot log in, from an address or from those of the last refusals (null). Applies the rules of
 * logins to the present files, bans and sessions, and reads the refusals after the last login from the audit trail.
 * The user need not exist. Throws faults of the files and of the database.
 */
export async function checkLogin(
  services: LoginCheckServices,
  username: Username,
  address: string | null,
): Promise<LoginCheck> {
  const { call, userServices, trail, nowMs } = services;
  const refusals = trail === null ? [] : await refusalsOf(trail, username);
  const seen = [...new Set(refusals.flatMap((one) => one.address ?? []))].slice(0, maxAddresses);
  const addresses = address === null ? seen : [address];
  const obstacles = [
    ...(await explainLogin(userServices, { call, username, addresses, nowMs })),
    ...gatewayObstacles(services, username, addresses),
    ...(await sessionObstacles(services, username)),
    ...(trail === null ? [] : await refusedCredentials(trail, username, refusals)),
  ];
  const blocks = obstacles.filter(({ severity }) => severity === 'blocks');
  return {
    username,
    canLogIn: blocks.length === 0,
    obstacles: [...blocks, ...obstacles.filter(({ severity }) => severity === 'hinders')],
    refusals,
  };
}

/** Returns the last refusals of a user, the newest first. */
async function refusalsOf(
  trail: Pick<AuditReader, 'query'>,
  username: Username,
): Promise<readonly RecordedRefusal[]> {
  const found: RecordedRefusal[] = [];
  for await (const row of trail.query({ user: username, action: 'session.refused' })) {
    const { rule, reason } = JSON.parse(row.details) as {
      readonly rule?: unknown;
      readonly reason?: unknown;
    };
    found.push({
      timeMs: row.timeMs,
      address: row.address,
      rule: String(rule ?? ''),
      reason: String(reason ?? ''),
    });
    if (found.length === maxRefusals) break;
  }
  return found;
}

/** Returns the obstacles before the login: the lists of addresses, bans and the bounds of sessions. */
function gatewayObstacles(
  { settings, bans, sessions, nowMs }: LoginCheckServices,
  username: Username,
  addresses: readonly string[],
): readonly LoginObstacle[] {
  const found: LoginObstacle[] = [];
  for (const address of addresses) {
    const isDenied = matches(settings.sftpDenyFrom, address) ?? false;
    const isAllowed = matches(settings.sftpAllowFrom, address) ?? true;
    if (isDenied || !isAllowed) {
      const name = isDenied ? 'sftp.deny.from' : 'sftp.allow.from';
      found.push({
        code: 'gateway-address-not-allowed',
        severity: 'blocks',
        what: `${name} does not let ${address} connect.`,
        whatToDo: `Change ${name} in the settings of the gateway.`,
        command: null,
      });
    }
    const ban = bans?.find(({ source, untilMs }) => source === sourceOf(address) && untilMs > nowMs);
    if (ban !== undefined) found.push(obstacleOfBan(ban));
  }
  if (sessions === null) return found;
  const own = sessions.filter((session) => session.username === username).length;
  const bounds: readonly (readonly [count: number, max: number, name: string, what: string])[] = [
    [own, settings.sftpSessionsPerUser, 'sftp.sessions.per.user', `${username} has`],
    [sessions.length, settings.sftpSessionsMax, 'sftp.sessions.max', 'The gateway has'],
    ...addresses.map((address) => {
      const here = sessions.filter((one) => sourceOf(one.address) === sourceOf(address)).length;
      return [here, settings.sftpSessionsPerAddress, 'sftp.sessions.per.address', `${address} has`] as const;
    }),
  ];
  for (const [count, max, name, what] of bounds) {
    if (count < max) continue;
    found.push({
      code: 'session-limit',
      severity: 'blocks',
      what: `${what} ${count} sessions, and ${name} allows ${max}.`,
      whatToDo: 'End sessions that are not used, or raise the limit.',
      command: 'sftpgw sessions',
    });
  }
  return found;
}

function matches(networks: string | null, address: string): boolean | null {
  if (networks === null) return null;
  const parsed = parseNetworks(networks);
  if (!('value' in parsed)) throw new Fault('bug', `the networks ${parsed.problem}`);
  return parsed.value.match(address);
}

function obstacleOfBan({ source, scope, cause, untilMs }: Ban): LoginObstacle {
  const until = new Date(untilMs).toISOString();
  const why = cause === 'logins' ? 'after failed logins' : 'by an administrator';
  return {
    code: 'banned',
    severity: scope === 'everyone' ? 'blocks' : 'hinders',
    what:
      scope === 'everyone'
        ? `${source} is banned until ${until}, ${why}.`
        : `Until ${until}, passwords from ${source} are refused for users who have not logged in from there lately.`,
    whatToDo: 'End the ban if the address is trusted.',
    command: `sftpgw ban clear ${source}`,
  };
}

/** Returns the faults that a session meets after its login. */
async function sessionObstacles(
  { call, users }: LoginCheckServices,
  username: Username,
): Promise<readonly LoginObstacle[]> {
  try {
    if ((await users.settings(call, username)) === null) return [];
  } catch (error) {
    return [obstacleOfFault('no-bucket', 'blocks', error)];
  }
  try {
    await users.uploadEncryption(call, username);
    return [];
  } catch (error) {
    return [obstacleOfFault('encryption-key-missing', 'hinders', error)];
  }
}

/** The reasons in the trail that say more about the client's credentials than the files do. */
const reasonKinds: readonly (readonly [pattern: RegExp, code: string, whatToDo: string])[] = [
  [
    /SHA-1|signature algorithm|below 2048|unsupported/,
    'key-algorithm',
    'Update the client, or use an Ed25519 key.',
  ],
  [
    /key is not authorised/,
    'unknown-key',
    'Compare the fingerprint of the client’s key with those of the user, and add it.',
  ],
  [
    /wrong (?:password|answers)/,
    'wrong-credential',
    'Set a new password, or check the clock of the second factor.',
  ],
  [/method is not offered/, 'method-not-offered', 'Select a method of login.methods in the client.'],
  [
    /without a touch|without a PIN/,
    'security-key',
    'Touch the security key, and give its PIN if it asks for one.',
  ],
  [/certificate|principal/, 'certificate', 'Issue a certificate that is valid now and names the user.'],
  [/timeout/, 'login-timeout', 'Log in faster, or raise sftp.login.timeout.'],
];

/** Returns what the refusals since the last login tell about the credentials that the client sends. */
async function refusedCredentials(
  trail: Pick<AuditReader, 'query'>,
  username: Username,
  refusals: readonly RecordedRefusal[],
): Promise<readonly LoginObstacle[]> {
  let lastLoginMs = 0;
  for await (const { timeMs } of trail.query({ user: username, action: 'session.login' })) {
    lastLoginMs = timeMs;
    break;
  }
  const recent = refusals.filter(({ timeMs }) => timeMs > lastLoginMs);
  return reasonKinds.flatMap(([pattern, code, whatToDo]) => {
    const last = recent.find(({ reason }) => pattern.test(reason));
    if (last === undefined) return [];
    const where = last.address === null ? '' : ` from ${last.address}`;
    const what = `The last login${where} at ${new Date(last.timeMs).toISOString()} was refused: ${last.reason}.`;
    return [{ code, severity: 'hinders' as const, what, whatToDo, command: `sftpgw user show ${username}` }];
  });
}
