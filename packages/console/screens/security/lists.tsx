import { Button, TextInput } from '@mantine/core';
import { useState } from 'react';
import type { ItemOf } from '../../api/endpoints.js';
import { useChange, useReadForChange } from '../../api/hooks.js';
import { useMay } from '../../api/roles.js';
import { Dialog } from '../../parts/dialog.js';
import { Answer } from '../../parts/loading.js';
import { Facts, Section } from '../../parts/page.js';
import { ProblemNotice } from '../../parts/problem-notice.js';
import { toast } from '../../parts/toast.js';

type Setting = ItemOf<'getSettings'>;

/** The settings of this part, with their names here and what an empty value means. */
const shown: readonly (readonly [string, string, string])[] = [
  ['sftp.allow.from', 'May connect', 'every address'],
  ['sftp.deny.from', 'May not connect', 'no address'],
  ['sftp.ban.exempt', 'Are never banned', 'no address'],
  ['sftp.proxy.from', 'Trusted proxies', 'none'],
];

/** The lists of addresses: settings of the gateway, which an admin can change here. */
export function Lists() {
  const query = useReadForChange('getSettings');
  const [edited, setEdited] = useState<Setting | null>(null);
  const mayChange = useMay('admin');
  return (
    <Section title="Addresses">
      <Answer query={query}>
        {({ value, etag }) => (
          <>
            <Facts
              entries={shown.flatMap(([name, title, none]) => {
                const setting = value.items.find((item) => item.name === name);
                if (setting === undefined) return [];
                return [
                  [
                    title,
                    <span key={name} className="setting">
                      {setting.value === '' ? (
                        <span className="dim">{none}</span>
                      ) : (
                        <code>{setting.value}</code>
                      )}
                      {mayChange && setting.source !== 'environment' ? (
                        <Button
                          variant="default"
                          size="compact-sm"
                          aria-label={`Change: ${title}`}
                          onClick={() => setEdited(setting)}
                        >
                          Change
                        </Button>
                      ) : null}
                      {setting.source === 'environment' ? (
                        <span className="dim">set by {setting.environmentVariable}</span>
                      ) : null}
                    </span>,
                  ],
                ];
              })}
            />
            {edited === null ? null : (
              <EditSetting setting={edited} etag={etag ?? '*'} onClose={() => setEdited(null)} />
            )}
          </>
        )}
      </Answer>
    </Section>
  );
}

/** Changes one setting of the gateway, with what is there now and when the change takes effect. */
function EditSetting({
  setting: { name, value, description, form, takesEffect },
  etag,
  onClose,
}: {
  readonly setting: Setting;
  readonly etag: string;
  readonly onClose: () => void;
}) {
  const [text, setText] = useState(value);
  const change = useChange('changeSettings');
  const submit = async () => {
    await change.mutateAsync({
      ifMatch: etag,
      body: { values: { [name]: text.trim() === '' ? null : text.trim() } },
    });
    toast(`${name} is changed; it takes effect ${takesEffect}`);
    onClose();
  };
  return (
    <Dialog title={`Change ${name}`} onClose={onClose}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          submit().catch(() => undefined);
        }}
      >
        <p>{description}</p>
        <TextInput
          label={name}
          description={form}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
        />
        <p className="dim">
          Now: {value === '' ? 'not set' : value}. The change takes effect {takesEffect}. Set the old value to
          undo it.
        </p>
        <ProblemNotice error={change.error} />
        <div className="actions">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={change.isPending} disabled={text.trim() === value}>
            Save
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
