import type { LoginMethod, Username, UserSummary } from '../../model/users.js';
import type { GatewayDefaults } from '../defaults.js';
import { located, type UserFiles } from '../user-files.js';
import type { UserProperties } from '../user-properties.js';
import { formatSequences } from './login-methods.js';

type LoginSummary = Pick<
  UserSummary,
  'publicKeyCount' | 'publicKeys' | 'hasPassword' | 'loginMethods' | 'hasTotp' | 'canLogIn'
>;

/** Describes the ways in which a user can log in, and the problems of the files for it. Faults name the file. */
export async function describeLogin(
  files: UserFiles,
  username: Username,
  properties: UserProperties,
  defaults: GatewayDefaults,
): Promise<{ readonly summary: LoginSummary; readonly problems: readonly string[] }> {
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
  return {
    summary: {
      publicKeyCount: keys.filter((key) => !key.isAuthority).length,
      publicKeys: keys.map(({ type, fingerprint, comment, isAuthority }) => ({
        type,
        fingerprint,
        comment,
        isAuthority,
      })),
      hasPassword,
      loginMethods: formatSequences(properties.loginMethods),
      hasTotp: properties.totp,
      canLogIn: properties.loginMethods.some((methods) => methods.every((method, at) => fulfils[method](at))),
    },
    problems,
  };
}
