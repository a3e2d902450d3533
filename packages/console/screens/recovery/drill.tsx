import { Button, NativeSelect, TextInput } from '@mantine/core';
import { useState } from 'react';
import type { AnswerOf } from '../../api/endpoints.js';
import { useChange } from '../../api/hooks.js';
import { Command, CopyButton } from '../../parts/copy.js';
import { saveText } from '../../parts/csv.js';
import { Dialog } from '../../parts/dialog.js';
import { FormDialog } from '../../parts/form-dialog.js';
import { ProblemNotice } from '../../parts/problem-notice.js';
import { toast } from '../../parts/toast.js';
import { RelativeTime } from '../../parts/values.js';
import { shortRecipient } from './words.js';

type Challenge = AnswerOf<'beginDrill'>;

const fileName = 'challenge.age';

/** A drill: the gateway seals words to a recipient, the holder opens them elsewhere, and types them here. */
export function Drill({
  recipients,
  onClose,
}: {
  readonly recipients: readonly string[];
  readonly onClose: () => void;
}) {
  const [challenge, setChallenge] = useState<Challenge | null>(null);
  return challenge === null ? (
    <Begin recipients={recipients} onBegun={setChallenge} onClose={onClose} />
  ) : (
    <Answering challenge={challenge} onClose={onClose} />
  );
}

function Begin({
  recipients,
  onBegun,
  onClose,
}: {
  readonly recipients: readonly string[];
  readonly onBegun: (challenge: Challenge) => void;
  readonly onClose: () => void;
}) {
  const [recipient, setRecipient] = useState(recipients[0] ?? '');
  const begin = useChange('beginDrill');
  const [error, setError] = useState<unknown>(null);
  const run = async () => {
    try {
      onBegun((await begin.mutateAsync({ body: { recipient } })).value);
    } catch (thrown) {
      setError(thrown);
    }
  };
  return (
    <Dialog title="Prove who has the recovery identity" onClose={onClose}>
      <p>
        The gateway chooses random words and encrypts them so that only the recovery identity opens them. Its
        holder decrypts them on their own machine with the program <code>age</code>, and you type them here.
      </p>
      <p>This proves possession and reveals nothing. Never type the identity or a share into a browser.</p>
      {recipients.length < 2 ? null : (
        <NativeSelect
          label="Recovery identity"
          value={recipient}
          onChange={(event) => setRecipient(event.currentTarget.value)}
          data={recipients.map((value) => ({ value, label: shortRecipient(value) }))}
        />
      )}
      <ProblemNotice error={error} />
      <div className="actions">
        <Button variant="default" onClick={onClose}>
          Cancel
        </Button>
        <Button loading={begin.isPending} onClick={() => void run()}>
          Show the challenge
        </Button>
      </div>
    </Dialog>
  );
}

function Answering({
  challenge: { id, recipient, sealed, expires },
  onClose,
}: {
  readonly challenge: Challenge;
  readonly onClose: () => void;
}) {
  const [words, setWords] = useState('');
  const answer = useChange('answerDrill');
  const submit = async () => {
    await answer.mutateAsync({ parameters: { id }, body: { words } });
    toast('Proven: the holder has the recovery identity');
  };
  return (
    <FormDialog
      title="Open the challenge"
      verb="Check the words"
      isWide
      isReady={words.trim() !== ''}
      submit={submit}
      onClose={onClose}
    >
      <ol className="numbered">
        <li>
          Give this text to the holder of <code>{shortRecipient(recipient)}</code>. It is no secret.
          <div className="with-actions">
            <CopyButton text={sealed} what="the challenge" />
            <Button
              variant="default"
              size="compact-sm"
              onClick={() => saveText(fileName, sealed, 'text/plain')}
            >
              Save as {fileName}
            </Button>
          </div>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: the text scrolls, also by keyboard */}
          <pre className="details" tabIndex={0} data-challenge="">
            {sealed}
          </pre>
        </li>
        <li>
          The holder opens it on the machine that has the identity:
          <Command text={`age -d -i recovery.txt ${fileName}`} />
        </li>
        <li>
          <TextInput
            label="The words that age prints"
            description={
              <>
                The challenge expires <RelativeTime time={expires} />, or after five wrong answers.
              </>
            }
            autoComplete="off"
            spellCheck={false}
            value={words}
            onChange={(event) => setWords(event.currentTarget.value)}
          />
        </li>
      </ol>
    </FormDialog>
  );
}
