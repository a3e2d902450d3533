import { Button } from '@mantine/core';
import { type ReactNode, useState } from 'react';

/** A button that opens a dialog. */
export function DialogButton({
  label,
  isPrimary = false,
  isCompact = false,
  isDisabled = false,
  children,
}: {
  readonly label: string;
  readonly isPrimary?: boolean;
  readonly isCompact?: boolean;
  readonly isDisabled?: boolean;
  readonly children: (close: () => void) => ReactNode;
}) {
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <Button
        variant={isPrimary ? 'filled' : 'default'}
        size={isCompact ? 'compact-sm' : 'sm'}
        disabled={isDisabled}
        onClick={() => setOpen(true)}
      >
        {label}
      </Button>
      {isOpen ? children(() => setOpen(false)) : null}
    </>
  );
}
