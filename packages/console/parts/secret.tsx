import { Button } from '@mantine/core';
import type { ReactNode } from 'react';
import { CopyButton } from './copy.js';
import { Dialog } from './dialog.js';

/** A secret that the gateway shows once. The page keeps it only until the dialog closes. */
export function SecretDialog({
  title,
  what,
  secret,
  onClose,
  children,
}: {
  readonly title: string;
  /** Completes the name of the copy button: "Copy ...". */
  readonly what: string;
  readonly secret: string;
  readonly onClose: () => void;
  readonly children: ReactNode;
}) {
  return (
    <Dialog title={title} isWide onClose={onClose}>
      <div className="form">{children}</div>
      <div className="command">
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a long secret scrolls, also by keyboard */}
        <pre tabIndex={0} data-secret="">
          {secret}
        </pre>
        <CopyButton text={secret} what={what} />
      </div>
      <p className="dim">It is shown only now. Nobody can read it again.</p>
      <div className="actions">
        <Button onClick={onClose}>I have stored it</Button>
      </div>
    </Dialog>
  );
}
