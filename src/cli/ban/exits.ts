import { type ExitName, localExits } from '../exit-codes.js';

/** Codes of the commands about bans. */
export const banExits: readonly ExitName[] = [...localExits, 'corrupt', 'cancelled'];
