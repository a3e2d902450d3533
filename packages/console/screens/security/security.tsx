import { useRead } from '../../api/hooks.js';
import { Command, Copyable } from '../../parts/copy.js';
import { countOf, formatDuration } from '../../parts/format.js';
import { Answer } from '../../parts/loading.js';
import { Facts, PageLayout, Section } from '../../parts/page.js';
import { Status } from '../../parts/status.js';
import { Bans } from './bans.js';
import { Lists } from './lists.js';

/** Shows who may connect: bans, lists of addresses, and the keys by which clients know this server. */
export function Security() {
  const bans = useRead('listBans', {}, { everyMs: 10_000 });
  const security = useRead('getSecurity');
  const count = bans.data?.items.length;
  return (
    <PageLayout
      title="Security"
      answer={
        count === undefined
          ? undefined
          : count === 0
            ? 'No address is banned.'
            : `${countOf(count, 'address is', 'addresses are')} banned.`
      }
    >
      <Bans query={bans} />
      <Command text="sftpgw ban list" />
      <Lists />
      <Answer query={security}>
        {({ hostKeys, algorithms, isPostQuantum, sessions, banAfter, banSeconds }) => (
          <>
            <Section title="Limits">
              <Facts
                entries={[
                  [
                    'Sessions',
                    `${sessions.max} in all, ${sessions.perUser} a user, ${sessions.perAddress} an address`,
                  ],
                  [
                    'Failed logins',
                    banAfter === 0
                      ? 'ban nobody'
                      : `${banAfter} points ban the address, first for ${formatDuration(banSeconds)}`,
                  ],
                ]}
              />
            </Section>
            <Section title="Host keys">
              <Facts
                entries={hostKeys.map(({ type, fingerprint }) => [
                  type,
                  <Copyable key={type} text={fingerprint} what={`the fingerprint of ${type}`} />,
                ])}
              />
            </Section>
            <Section title="Algorithms">
              <Status tone={isPostQuantum ? 'good' : 'warn'}>
                {isPostQuantum
                  ? 'Key exchanges resist quantum computers'
                  : 'No key exchange resists quantum computers'}
              </Status>
              <Facts
                entries={[
                  ['Key exchange', algorithms.keyExchange.join(', ')],
                  ['Host keys', algorithms.hostKey.join(', ')],
                  ['Users’ keys', algorithms.publicKey.join(', ')],
                  ['Ciphers', algorithms.cipher.join(', ')],
                  ['MACs', algorithms.mac.join(', ')],
                ]}
              />
            </Section>
          </>
        )}
      </Answer>
    </PageLayout>
  );
}
