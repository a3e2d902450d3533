import type { BanAdministration } from '../../model/bans.js';
import type { AuditScribe } from '../scribe.js';

/** Returns the bans with each change by an administrator recorded. */
export function auditedBans(bans: BanAdministration, scribe: AuditScribe): BanAdministration {
  return {
    list: () => bans.list(),
    add: (address, durationMs) =>
      scribe.change(
        { action: 'ban.add', target: address },
        () => bans.add(address, durationMs),
        ({ source, scope, untilMs }) => ({
          action: 'ban.add',
          target: source,
          details: { scope, cause: 'command', until: new Date(untilMs).toISOString() },
        }),
      ),
    clear: async (address) => {
      const before = (await bans.list()).map(({ source }) => source);
      const target = address ?? 'all';
      return scribe.change(
        { action: 'ban.clear', target },
        () => bans.clear(address),
        (ended) =>
          ended === 0 ? null : { action: 'ban.clear', target, details: { ended, bannedBefore: before } },
      );
    },
  };
}
