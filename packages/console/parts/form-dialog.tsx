import { Button } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import { Command } from './copy.js';
import { Dialog } from './dialog.js';
import { ProblemNotice } from './problem-notice.js';

/**
 * A dialog with a form. `submit` makes the change; its fault is shown in the dialog, which stays open. Without a fault
 * the dialog closes.
 */
export function FormDialog({
  title,
  verb,
  command = null,
  isWide = false,
  isReady = true,
  submit,
  onClose,
  children,
}: {
  readonly title: string;
  /** The label of the button, such as `Generate`. */
  readonly verb: string;
  /** The equivalent command; null if there is none. */
  readonly command?: string | null;
  readonly isWide?: boolean;
  /** False while the form cannot be sent. */
  readonly isReady?: boolean;
  readonly submit: () => Promise<unknown>;
  readonly onClose: () => void;
  readonly children: ReactNode;
}) {
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const run = async () => {
    setBusy(true);
    setError(null);
    try {
      await submit();
      onClose();
    } catch (thrown) {
      setError(thrown);
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} isWide={isWide} onClose={onClose}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          void run();
        }}
      >
        {children}
        {command === null ? null : <Command text={command} />}
        <ProblemNotice error={error} />
        <div className="actions">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={isBusy} disabled={!isReady}>
            {verb}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
