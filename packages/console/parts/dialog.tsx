import { Button } from '@mantine/core';
import { type ReactNode, useEffect, useId, useRef, useState } from 'react';
import { Command } from './copy.js';
import { DialogButton } from './dialog-button.js';
import { ProblemNotice } from './problem-notice.js';

/** A dialog of the browser: it keeps the focus inside, closes with Escape, and returns the focus to its opener. */
export function Dialog({
  title,
  isWide = false,
  onClose,
  children,
}: {
  readonly title: string;
  readonly isWide?: boolean;
  readonly onClose: () => void;
  readonly children: ReactNode;
}) {
  const element = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const opener = document.activeElement;
    const dialog = element.current;
    dialog?.showModal();
    return () => {
      dialog?.close();
      if (opener instanceof HTMLElement) opener.focus();
    };
  }, []);
  return (
    <dialog
      ref={element}
      className={isWide ? 'dialog wide' : 'dialog'}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <div className="dialog-body">
        <h2 id={id}>{title}</h2>
        {children}
      </div>
    </dialog>
  );
}

/** The effects of a change. All of it is shown before the change is made. */
export interface Consequence {
  /** The question, such as `Disconnect bob?`. */
  readonly title: string;
  /** The effect, and the number of things that it changes. */
  readonly does: ReactNode;
  /** How to undo it, or that it cannot be undone. */
  readonly undo: string;
  /** The equivalent command; null if there is none. */
  readonly command: string | null;
  /** The label of the button, such as `Disconnect`. */
  readonly verb: string;
}

/** Asks before a change. `act` makes the change; its fault is shown in the dialog, which stays open. */
export function Confirm({
  consequence: { title, does, undo, command, verb },
  isDangerous = true,
  act,
  onClose,
}: {
  readonly consequence: Consequence;
  readonly isDangerous?: boolean;
  readonly act: () => Promise<unknown>;
  readonly onClose: () => void;
}) {
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const run = async () => {
    setBusy(true);
    try {
      await act();
      onClose();
    } catch (thrown) {
      setError(thrown);
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <div>{does}</div>
      <p className="dim">{undo}</p>
      {command === null ? null : <Command text={command} />}
      <ProblemNotice error={error} />
      <div className="actions">
        <Button variant="default" onClick={onClose}>
          Cancel
        </Button>
        <Button {...(isDangerous ? { color: 'red' } : {})} loading={isBusy} onClick={() => void run()}>
          {verb}
        </Button>
      </div>
    </Dialog>
  );
}

/** A button whose change is confirmed first. */
export function ConfirmButton({
  label,
  isCompact = false,
  isDangerous = true,
  isDisabled = false,
  consequence,
  act,
}: {
  readonly label: string;
  readonly isCompact?: boolean;
  readonly isDangerous?: boolean;
  readonly isDisabled?: boolean;
  readonly consequence: Consequence;
  readonly act: () => Promise<unknown>;
}) {
  return (
    <DialogButton label={label} isCompact={isCompact} isDisabled={isDisabled}>
      {(close) => <Confirm consequence={consequence} isDangerous={isDangerous} act={act} onClose={close} />}
    </DialogButton>
  );
}
