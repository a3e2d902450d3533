import { TotpSecret } from '../users/logins/totp.js';
import type { PeopleServices } from './services.js';

/** Returns what a person's TOTP secret is sealed for. */
export function totpPurpose(adminId: string): string {
  return `totp ${adminId}`;
}

/**
 * Checks a code of a person, and records its step: each code is accepted once (RFC 6238 section 5.2), also after a
 * restart. Returns false for a wrong or used code, and for a person without TOTP.
 */
export async function acceptCode(
  { admins, sealed, clock }: Pick<PeopleServices, 'admins' | 'sealed' | 'clock'>,
  adminId: string,
  code: string,
): Promise<boolean> {
  const { sealedTotp } = await admins.secrets(adminId);
  if (sealedTotp === null) return false;
  const secret = TotpSecret.parse(await sealed.open(sealedTotp, totpPurpose(adminId)));
  const step = secret.stepOf(code, clock.nowMs());
  return step !== null && (await admins.useTotpStep(adminId, step));
}
