import type { AccountBar } from '../../model/users.js';
import type { UserProperties } from '../user-properties.js';

/** Returns why an account with these settings may have no session at this time; null if it may. */
export function accountBar(
  { loginDisabled, loginExpiresMs }: Pick<UserProperties, 'loginDisabled' | 'loginExpiresMs'>,
  nowMs: number,
): Exclude<AccountBar, 'removed'> | null {
  if (loginDisabled) return 'disabled';
  return loginExpiresMs !== null && nowMs >= loginExpiresMs ? 'expired' : null;
}
