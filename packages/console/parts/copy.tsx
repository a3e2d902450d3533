import { ActionIcon } from '@mantine/core';
import { useEffect, useState } from 'react';
import { CheckIcon, CopyIcon } from './icons.js';
import { toast } from './toast.js';

const confirmedMs = 1_500;

/** A button that copies a text. `what` completes its name: "Copy ...". */
export function CopyButton({ text, what }: { readonly text: string; readonly what: string }) {
  const [isCopied, setCopied] = useState(false);
  useEffect(() => {
    if (!isCopied) return undefined;
    const timer = setTimeout(() => setCopied(false), confirmedMs);
    return () => clearTimeout(timer);
  }, [isCopied]);
  const copy = async () => {
    const isDone = await copyText(text);
    setCopied(isDone);
    toast(isDone ? 'Copied' : 'The browser does not allow copying: select the text instead');
  };
  return (
    <ActionIcon
      variant="subtle"
      color="gray"
      size="sm"
      aria-label={`Copy ${what}`}
      onClick={() => void copy()}
    >
      {isCopied ? <CheckIcon /> : <CopyIcon />}
    </ActionIcon>
  );
}

/** Copies a text, and returns false if the browser does not allow it. Browsers do on secure origins only. */
async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

/** A command that does the same as the page or the button beside it, with a copy button. */
export function Command({ text }: { readonly text: string }) {
  return (
    <div className="command">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a long command scrolls, also by keyboard */}
      <pre tabIndex={0}>{text}</pre>
      <CopyButton text={text} what="the command" />
    </div>
  );
}

/** A value in monospace with a copy button. */
export function Copyable({
  text,
  what,
  shown = text,
}: {
  readonly text: string;
  readonly what: string;
  readonly shown?: string;
}) {
  return (
    <span className="with-copy">
      <code className="cut" title={text}>
        {shown}
      </code>
      <CopyButton text={text} what={what} />
    </span>
  );
}
