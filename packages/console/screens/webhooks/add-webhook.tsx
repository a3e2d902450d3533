import { Checkbox, Textarea, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useChange } from '../../api/hooks.js';
import { FormDialog } from '../../parts/form-dialog.js';
import { commandOf } from '../../parts/format.js';
import { eventTypes } from './event-types.js';
import { filterFlags } from './words.js';

/** Adds a receiver of events. `onAdded` gets its secret, which cannot be read again. */
export function AddWebhook({
  onAdded,
  onClose,
}: {
  readonly onAdded: (secret: string) => void;
  readonly onClose: () => void;
}) {
  const [label, setLabel] = useState('');
  const [url, setUrl] = useState('');
  const [events, setEvents] = useState<readonly string[]>(['upload.finished']);
  const [users, setUsers] = useState('');
  const [prefixes, setPrefixes] = useState('');
  const add = useChange('addWebhook');
  const filter = { events, users: linesOf(users), prefixes: linesOf(prefixes) };
  const submit = async () => {
    const { value } = await add.mutateAsync({ body: { label: label.trim(), url: url.trim(), filter } });
    onAdded(value.secret);
  };
  return (
    <FormDialog
      title="Add a webhook"
      verb="Add"
      isWide
      isReady={label.trim() !== '' && url.trim() !== ''}
      command={commandOf(
        ...['webhook', 'add', url.trim() || 'URL', '--label', label.trim() || 'LABEL'],
        ...filterFlags(filter),
      )}
      submit={submit}
      onClose={onClose}
    >
      <p>
        The receiver gets an HTTPS POST for each event from now on, at least once, and in order for each
        object.
      </p>
      <TextInput
        label="Label"
        required
        maxLength={100}
        autoComplete="off"
        value={label}
        onChange={(event) => setLabel(event.currentTarget.value)}
      />
      <TextInput
        label="URL"
        description="https://, and a public address"
        required
        maxLength={2048}
        spellCheck={false}
        placeholder="https://hooks.example.com/sftp"
        value={url}
        onChange={(event) => setUrl(event.currentTarget.value)}
      />
      <Events chosen={events} set={setEvents} />
      <Textarea
        label="Only events of these users"
        description="One name a line. Empty for all"
        rows={2}
        spellCheck={false}
        value={users}
        onChange={(event) => setUsers(event.currentTarget.value)}
      />
      <Textarea
        label="Only objects whose keys begin with"
        description="One beginning a line. Empty for all"
        rows={2}
        spellCheck={false}
        value={prefixes}
        onChange={(event) => setPrefixes(event.currentTarget.value)}
      />
    </FormDialog>
  );
}

function linesOf(text: string): readonly string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

function Events({
  chosen,
  set,
}: {
  readonly chosen: readonly string[];
  readonly set: (events: readonly string[]) => void;
}) {
  return (
    <fieldset className="choices">
      <legend>Events{chosen.length === 0 ? ' (none chosen: all of them)' : ''}</legend>
      {eventTypes.map((type) => (
        <Checkbox
          key={type}
          label={type}
          checked={chosen.includes(type)}
          onChange={(event) =>
            set(
              event.currentTarget.checked
                ? eventTypes.filter((one) => one === type || chosen.includes(one))
                : chosen.filter((one) => one !== type),
            )
          }
        />
      ))}
    </fieldset>
  );
}
