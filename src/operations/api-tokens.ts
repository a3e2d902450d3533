import { systemClock, systemEntropy } from '../assembly/system.js';
import { auditedTokens } from '../audit/audited/tokens.js';
import { createApiTokens } from '../database/api-tokens.js';
import type { ApiTokens } from '../model/api/tokens.js';
import type { RootServices } from './open-root.js';

/** Returns the tokens of the API of a root. A running gateway sees changes at its next request. */
export function apiTokens({ database, scribe }: Pick<RootServices, 'database' | 'scribe'>): ApiTokens {
  return auditedTokens(createApiTokens(database, systemClock, systemEntropy), scribe);
}

/** Returns the name of the person who runs a command, for the record of who created something. */
export function localPersonName(): string {
  return `uid ${process.env['SUDO_UID'] ?? process.getuid?.() ?? 0}`;
}
