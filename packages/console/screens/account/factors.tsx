import type { AnswerOf } from '../../api/endpoints.js';
import { useChange, useRead } from '../../api/hooks.js';
import { Command } from '../../parts/copy.js';
import { type Column, DataTable } from '../../parts/data-table.js';
import { ConfirmButton } from '../../parts/dialog.js';
import { DialogButton } from '../../parts/dialog-button.js';
import { commandOf } from '../../parts/format.js';
import { Answer } from '../../parts/loading.js';
import { Facts, Section } from '../../parts/page.js';
import { toast } from '../../parts/toast.js';
import { RelativeTime } from '../../parts/values.js';
import { AddPasskey, RenamePasskey } from './passkey-dialogs.js';
import { SetTotp } from './set-totp.js';

type Factors = AnswerOf<'getFactors'>;
type Passkey = Factors['passkeys'][number];

const stays = 'The gateway refuses to remove your last second factor.';

/** The second factors of this person: passkeys and an authenticator. */
export function OwnFactors({ name }: { readonly name: string }) {
  const query = useRead('getFactors');
  const passkeys = query.data === undefined ? undefined : { items: query.data.passkeys };
  return (
    <>
      <Section
        title="Passkeys"
        aside={
          <DialogButton label="Add a passkey" isPrimary>
            {(close) => <AddPasskey onClose={close} />}
          </DialogButton>
        }
      >
        <DataTable
          label="Passkeys"
          columns={columns}
          query={{ ...query, data: passkeys }}
          rowKey={({ id }) => id}
          noun={['passkey', 'passkeys']}
          empty={<p>You have no passkey. A passkey logs you in with one touch, and no page can steal it.</p>}
        />
      </Section>
      <Section title="Authenticator (TOTP)">
        <Answer query={query}>{({ totp }) => <Totp totp={totp} />}</Answer>
      </Section>
      <p className="dim">
        If you lose every factor, an admin runs this on the gateway’s machine. It prints a new link for you.
      </p>
      <Command text={commandOf('admin', 'reset', name)} />
    </>
  );
}

const columns: readonly Column<Passkey>[] = [
  { id: 'label', header: 'Name', sortBy: ({ label }) => label, cell: ({ label }) => label },
  {
    id: 'created',
    header: 'Added',
    width: 110,
    isNumber: true,
    fromWidth: 480,
    sortBy: ({ created }) => created,
    cell: ({ created }) => <RelativeTime time={created} />,
  },
  {
    id: 'lastUsed',
    header: 'Last used',
    width: 110,
    isNumber: true,
    fromWidth: 480,
    sortBy: ({ lastUsed }) => lastUsed,
    cell: ({ lastUsed }) => <RelativeTime time={lastUsed} />,
  },
  { id: 'actions', header: 'Actions', width: 196, cell: (passkey) => <PasskeyActions passkey={passkey} /> },
];

function PasskeyActions({ passkey: { id, label } }: { readonly passkey: Passkey }) {
  const remove = useChange('removePasskey');
  return (
    <span className="row-actions">
      <DialogButton label="Rename" isCompact>
        {(close) => <RenamePasskey id={id} label={label} onClose={close} />}
      </DialogButton>
      <ConfirmButton
        label="Remove"
        isCompact
        consequence={{
          title: `Remove the passkey ${label}?`,
          does: `It can no longer log you in. Your sessions stay. ${stays}`,
          undo: 'Add the device again.',
          command: null,
          verb: 'Remove the passkey',
        }}
        act={async () => {
          await remove.mutateAsync({ parameters: { id } });
          toast(`The passkey ${label} is removed`);
        }}
      />
    </span>
  );
}

function Totp({ totp }: { readonly totp: Factors['totp'] }) {
  const remove = useChange('removeTotp');
  return (
    <>
      <Facts
        entries={[['Set up', <RelativeTime key="created" time={totp?.created ?? null} none="not set up" />]]}
      />
      <div className="actions">
        <DialogButton label={totp === null ? 'Set up an authenticator' : 'Use another authenticator'}>
          {(close) => <SetTotp isReplaced={totp !== null} onClose={close} />}
        </DialogButton>
        {totp === null ? null : (
          <ConfirmButton
            label="Remove"
            consequence={{
              title: 'Remove the authenticator?',
              does: `Its codes no longer log you in. ${stays}`,
              undo: 'Set up an authenticator again.',
              command: null,
              verb: 'Remove the authenticator',
            }}
            act={async () => {
              await remove.mutateAsync({});
              toast('The authenticator is removed');
            }}
          />
        )}
      </div>
    </>
  );
}
