import type { LoginMethod } from '../../model/users/logins.js';
import type { Username, UserSummary } from '../../model/users.js';
import type { GatewayDefaults } from '../defaults.js';
import { located, type UserFiles } from '../user-files.js';
import type { UserProperties } from '../user-properties.js';
import { formatSequences } from './login-methods.js';

type LoginSummary = Pick<
  UserSummary,
  | 'publicKeyCount'
  | 'publicKeys'
  | 'hasPassword'
  | 'loginMethods'
  | 'loginFrom'
  | 'disabled'
  | 'expiresMs'
  | 'hasTotp'
  | 'canLogIn'
>;

/** The methods that a user could complete, and the problems of the files for them. */
interface MethodChecks {
  readonly canLogIn: boolean;
  /** The methods that the sequences need and the user cannot complete; empty if one sequence is possible. */
  readonly missing: readonly LoginMethod[];
  readonly problems: readonly string[];
}

/** Checks which methods of the sequences the user's credentials fulfil. Faults name the file. */
export async function methodChecks(
  files: UserFiles,
  username: Username,
  properties: UserProperties,
  defaults: GatewayDefaults,
): Promise<MethodChecks> {
  const paths = files.paths(username);
  const { keys, problems: lines } = await files.authorizedKeys(username);
  const hasPassword = (await files.password(username)) !== null;
  const problems = [...located(paths.authorizedKeys, lines)];
  const totp = properties.totp ? await files.totp(username) : null;
  if (properties.totp && totp === null)
    problems.push(`${paths.totpSecret} is missing, but login.totp=yes needs it`);
  if (totp !== null && 'problem' in totp) problems.push(`${paths.totpSecret}: ${totp.problem}`);
  const hasCode = totp !== null && 'secret' in totp;
  const fulfils: Record<LoginMethod, (at: number) => boolean> = {
    publickey: () => keys.length > 0 || (defaults.userCaFile ?? null) !== null,
    password: () => hasPassword && (!properties.totp || hasCode),
    // The code alone is enough after another method: see `PasswordDialogue`.
    'keyboard-interactive': (at) => (properties.totp ? hasCode && (hasPassword || at > 0) : hasPassword),
  };
  const unmet = properties.loginMethods.map((methods) =>
    methods.filter((method, at) => !fulfils[method](at)),
  );
  const canLogIn = unmet.some((methods) => methods.length === 0);
  return { canLogIn, missing: canLogIn ? [] : [...new Set(unmet.flat())], problems };
}

/** Describes the ways in which a user can log in, and the problems of the files for it. Faults name the file. */
export async function describeLogin(
  files: UserFiles,
  username: Username,
  properties: UserProperties,
  defaults: GatewayDefaults,
): Promise<{ readonly summary: LoginSummary; readonly problems: readonly string[] }> {
  const { keys } = await files.authorizedKeys(username);
  const { canLogIn, problems } = await methodChecks(files, username, properties, defaults);
  return {
    summary: {
      publicKeyCount: keys.filter((key) => !key.isAuthority).length,
      publicKeys: keys.map(({ type, fingerprint, comment, isAuthority }) => ({
        type,
        fingerprint,
        comment,
        isAuthority,
      })),
      hasPassword: (await files.password(username)) !== null,
      loginMethods: formatSequences(properties.loginMethods),
      loginFrom: properties.loginFrom?.text ?? null,
      disabled: properties.loginDisabled,
      expiresMs: properties.loginExpiresMs,
      hasTotp: properties.totp,
      canLogIn,
    },
    problems,
  };
}
