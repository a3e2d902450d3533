import { useAll, useChange, useRead } from '../../api/hooks.js';
import { useMay } from '../../api/roles.js';
import { Command } from '../../parts/copy.js';
import { ConfirmButton } from '../../parts/dialog.js';
import { DialogButton } from '../../parts/dialog-button.js';
import { countOf } from '../../parts/format.js';
import { Answer } from '../../parts/loading.js';
import { Facts, PageLayout, Section } from '../../parts/page.js';
import { Prose } from '../../parts/prose.js';
import { Status } from '../../parts/status.js';
import { Mono, RelativeTime } from '../../parts/values.js';
import { isAtRisk, type Key } from '../keys/words.js';
import { WaysToTheKeys } from './diagram.js';
import { Drill } from './drill.js';
import { RecordHolders, Shares } from './shares.js';
import { type Recovery as State, withoutCopy } from './words.js';

/** The keys that could be restored if this machine were lost now, the people who can do it, and the last proof. */
export function Recovery() {
  const query = useRead('getRecovery');
  const keys = useAll('listKeys');
  const isCustodian = useMay('custodian');
  const recipients = query.data?.recipients ?? [];
  return (
    <PageLayout
      title="Recovery"
      answer={
        query.data === undefined || keys.data === undefined ? undefined : (
          <Verdict recovery={query.data} keys={keys.data.items} />
        )
      }
      actions={
        isCustodian && recipients.length > 0 ? (
          <>
            <DialogButton label="Begin a drill" isPrimary>
              {(close) => <Drill recipients={recipients} onClose={close} />}
            </DialogButton>
            <CopyNow />
          </>
        ) : undefined
      }
    >
      <Answer query={query}>
        {(recovery) => (
          <>
            <Problems recovery={recovery} />
            {keys.data === undefined ? null : (
              <Section title="Ways to open the keys">
                <WaysToTheKeys recovery={recovery} keys={keys.data.items} />
              </Section>
            )}
            <Section title="Newest copy">
              <NewestCopy recovery={recovery} />
            </Section>
            <Section
              title="Shares of the identity"
              aside={
                isCustodian ? (
                  <DialogButton label="Record the holders" isCompact>
                    {(close) => <RecordHolders onClose={close} />}
                  </DialogButton>
                ) : null
              }
            >
              <Shares shares={recovery.shares} />
            </Section>
          </>
        )}
      </Answer>
      <Command text="sftpgw recovery status" />
    </PageLayout>
  );
}

function Verdict({ recovery, keys }: { readonly recovery: State; readonly keys: readonly Key[] }) {
  const live = keys.filter(({ state }) => state !== 'destroyed');
  const lost = live.filter(isAtRisk);
  const objects = live.reduce((sum, key) => sum + key.objects, 0);
  const atRisk = lost.reduce((sum, key) => sum + key.objects, 0);
  if (recovery.recipients.length === 0) {
    return (
      <Status tone="bad">
        There is no recovery identity: without this machine, {countOf(objects, 'object')}{' '}
        {objects === 1 ? 'is' : 'are'} lost.
      </Status>
    );
  }
  if (lost.length > 0) {
    return (
      <Status tone="bad">
        {countOf(atRisk, 'object')} of {countOf(objects, 'object')} cannot be recovered.
      </Status>
    );
  }
  if (!recovery.isReady) {
    return (
      <Status tone="warn">
        The recovery identity opens every key, but the recovery is not complete: see below.
      </Status>
    );
  }
  return (
    <Status tone="good">
      {objects === 0 ? 'All keys can be recovered.' : `All ${countOf(objects, 'object')} can be recovered.`}
    </Status>
  );
}

function Problems({ recovery: { recipients, problems } }: { readonly recovery: State }) {
  if (recipients.length === 0) {
    return (
      <div className="notice-box" data-tone="bad">
        <p>
          Create the recovery identity at a terminal of the gateway’s machine. It is shown once. Store it
          where this machine cannot reach it. It is never typed into a browser.
        </p>
        <Command text="sftpgw recovery init" />
      </div>
    );
  }
  if (problems.length === 0) return null;
  return (
    <ul className="plain-list">
      {problems.map((problem) => (
        <li key={problem}>
          <Status tone="bad">
            <Prose text={problem} />
          </Status>
        </li>
      ))}
    </ul>
  );
}

function NewestCopy({ recovery: { copy } }: { readonly recovery: State }) {
  const { none, bucket, isCurrent, snapshot, signers, completeAt, failure } = copy;
  if (none !== null) {
    return (
      <div className="notice-box">
        <Status tone={none === 'off' ? 'plain' : 'bad'}>{withoutCopy[none]}</Status>
      </div>
    );
  }
  return (
    <Facts
      entries={[
        [
          'State',
          <Status key="state" tone={isCurrent ? 'good' : 'warn'}>
            {isCurrent ? 'has everything' : 'changes since then are not copied yet'}
          </Status>,
        ],
        ['Number', snapshot ?? <span className="dim">none</span>],
        ['Complete', <RelativeTime key="complete" time={completeAt} />],
        ['In the bucket', bucket],
        [
          'Signed by',
          signers.length === 0 ? (
            <Status key="signers" tone="warn">
              no recovery identity: a recovery needs --accept-unsigned
            </Status>
          ) : (
            <Mono key="signers">{signers.join(', ')}</Mono>
          ),
        ],
        failure === null
          ? null
          : [
              'Last failure',
              <span key="failure">
                <RelativeTime time={failure.at} />: <Prose text={failure.text} />
              </span>,
            ],
      ]}
    />
  );
}

function CopyNow() {
  const copy = useChange('copyToBucket');
  return (
    <ConfirmButton
      label="Copy now"
      isDangerous={false}
      consequence={{
        title: 'Copy keys, users and settings to the bucket?',
        does: 'The gateway does this after each change by itself. Everything is encrypted to the recovery identity.',
        undo: 'The copy replaces nothing: older copies stay for a while.',
        command: 'sftpgw recovery copy',
        verb: 'Copy',
      }}
      act={() => copy.mutateAsync({ body: {} })}
    />
  );
}
