import { Button, TextInput } from '@mantine/core';
import { useState } from 'react';
import { Dialog } from '../../parts/dialog.js';
import { Facts } from '../../parts/page.js';
import { Prose } from '../../parts/prose.js';
import { type Draft, type Setting, sources } from './words.js';

/** Describes one setting, and changes it in the draft. Nothing is saved before the review. */
export function ChangeSetting({
  setting,
  draft,
  change,
  onClose,
}: {
  readonly setting: Setting;
  readonly draft: Draft;
  /** Changes the draft; null for a person who may not. */
  readonly change: ((value: string | null) => void) | null;
  readonly onClose: () => void;
}) {
  const { name, description, form, source, takesEffect, environmentVariable } = setting;
  const drafted = draft.get(name);
  const [value, setValue] = useState(drafted ?? (drafted === null ? setting.default : setting.value));
  const finish = (next: string | null) => {
    change?.(next);
    onClose();
  };
  const isFixed = source === 'environment' || change === null;
  return (
    <Dialog title={name} onClose={onClose}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          finish(value);
        }}
      >
        <p>
          <Prose text={description} />
        </p>
        <Facts
          entries={[
            ['Form', form],
            ['Default', setting.default === '' ? 'empty' : <code key="default">{setting.default}</code>],
            ['Source', sources[source]],
            ['Takes effect', takesEffect],
          ]}
        />
        {source === 'environment' ? (
          <p>
            The variable <code>{environmentVariable}</code> of the gateway’s process decides this setting. The
            file has no effect until the variable is removed.
          </p>
        ) : (
          <TextInput
            label="Value"
            readOnly={isFixed}
            autoComplete="off"
            spellCheck={false}
            value={value}
            onChange={(event) => setValue(event.currentTarget.value)}
          />
        )}
        <div className="actions">
          <Button variant="default" onClick={onClose}>
            {isFixed ? 'Close' : 'Cancel'}
          </Button>
          {isFixed ? null : (
            <>
              {source === 'default' && drafted === undefined ? null : (
                <Button variant="default" onClick={() => finish(null)}>
                  Use the default
                </Button>
              )}
              <Button type="submit">Add to the changes</Button>
            </>
          )}
        </div>
      </form>
    </Dialog>
  );
}
