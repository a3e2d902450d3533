import { type ReactNode, useId } from 'react';
import { Copyable } from '../../parts/copy.js';
import { countOf, formatBytes } from '../../parts/format.js';
import { Status } from '../../parts/status.js';
import { RelativeTime } from '../../parts/values.js';
import { isAtRisk, type Key } from '../keys/words.js';
import { lastDrill, type Recovery, type Share, shortRecipient } from './words.js';

/** One way to the files: who, with what, and what it opens. */
function Way({
  who,
  needs,
  opens,
}: {
  readonly who: ReactNode;
  readonly needs: ReactNode;
  readonly opens: ReactNode;
}) {
  const id = useId();
  return (
    <li aria-labelledby={id}>
      <div className="way-who" id={id}>
        {who}
      </div>
      <span className="arrow" aria-hidden="true">
        →
      </span>
      <div>{needs}</div>
      <span className="arrow" aria-hidden="true">
        →
      </span>
      <div>{opens}</div>
    </li>
  );
}

/** The ways to open keys: this machine, each recovery identity, and the holders of its shares. */
export function WaysToTheKeys({
  recovery,
  keys,
}: {
  readonly recovery: Recovery;
  readonly keys: readonly Key[];
}) {
  const live = keys.filter(({ state }) => state !== 'destroyed');
  const recoverable = live.filter((key) => !isAtRisk(key));
  const { recipients, copy, shares } = recovery;
  const copied =
    copy.snapshot === null
      ? 'a copy of the keyring, from a backup of yours'
      : `the copy ${copy.snapshot} in ${copy.bucket ?? 'the bucket'}`;
  return (
    <ul className="ways" aria-label="Ways to open the keys">
      <Way
        who={
          <>
            <b>This gateway</b>
            <span className="dim">as long as the machine exists</span>
          </>
        }
        needs="the key of this machine"
        opens={<Opened keys={live} of={live.length} />}
      />
      {recipients.map((recipient) => (
        <Way
          key={recipient}
          who={
            <>
              <b>Holder of the recovery identity</b>
              <Copyable text={recipient} what="the recipient" shown={shortRecipient(recipient)} />
              <Proven recovery={recovery} recipient={recipient} />
            </>
          }
          needs={copied}
          opens={<Opened keys={recoverable} of={live.length} />}
        />
      ))}
      {recipients.length === 0 ? (
        <Way
          who={<Status tone="bad">Nobody else</Status>}
          needs={<span className="dim">there is no recovery identity</span>}
          opens="nothing"
        />
      ) : null}
      {setsOf(recipients.length === 0 ? [] : shares).map(({ set, threshold, holders }) => (
        <Way
          key={set}
          who={
            <>
              <b>
                Any {threshold} of {holders.length} holders
              </b>
              <span className="dim">{holders.join(', ')}</span>
            </>
          }
          needs="their shares together"
          opens="the recovery identity"
        />
      ))}
    </ul>
  );
}

function Opened({ keys, of }: { readonly keys: readonly Key[]; readonly of: number }) {
  const objects = keys.reduce((sum, key) => sum + key.objects, 0);
  const bytes = keys.reduce((sum, key) => sum + key.bytes, 0);
  const counted = keys.length === of ? countOf(of, 'key') : `${keys.length} of ${countOf(of, 'key')}`;
  return (
    <>
      {counted}: {countOf(objects, 'object')}, {formatBytes(bytes)}
    </>
  );
}

function Proven({ recovery, recipient }: { readonly recovery: Recovery; readonly recipient: string }) {
  const drill = lastDrill(recovery, recipient);
  if (drill === null) return <Status tone="warn">never proven by a drill</Status>;
  return (
    <Status tone="good">
      proven <RelativeTime time={drill.proven} />
    </Status>
  );
}

function setsOf(shares: readonly Share[]) {
  const sets = [...new Set(shares.map(({ set }) => set))];
  return sets.map((set) => {
    const own = shares.filter((share) => share.set === set);
    return { set, threshold: own[0]?.threshold ?? 0, holders: own.map(({ holder }) => holder) };
  });
}
