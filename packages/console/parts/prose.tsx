import { Command } from './copy.js';
import { sentence } from './problem-notice.js';

/** A text of the gateway as a sentence. Text in backticks is code. */
export function Prose({ text }: { readonly text: string }) {
  return (
    <>
      {sentence(text)
        .split('`')
        .map((part, index) => (index % 2 === 1 ? <code key={index}>{part}</code> : part))}
    </>
  );
}

/** The remedy of a problem: a text, and the command in it, if there is one, with a copy button. */
export function Remedy({ text }: { readonly text: string }) {
  if (isCommand(text)) return <Command text={text} />;
  const command = text.split('`').find((part, index) => index % 2 === 1 && isCommand(part));
  return (
    <>
      <p>
        <Prose text={text} />
      </p>
      {command === undefined ? null : <Command text={command} />}
    </>
  );
}

function isCommand(text: string): boolean {
  return /^(?:sudo |sftpgw |aws |systemctl )/.test(text);
}
