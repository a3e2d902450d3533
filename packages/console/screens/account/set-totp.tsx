import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { call } from '../../api/client.js';
import { useChange } from '../../api/hooks.js';
import { Copyable } from '../../parts/copy.js';
import { FormDialog } from '../../parts/form-dialog.js';
import { Answer } from '../../parts/loading.js';
import { toast } from '../../parts/toast.js';
import { CodeInput } from '../login/code-input.js';
import { QrCode } from '../login/qr-code.js';

/** Sets up an authenticator. The new secret counts once a code of it was given. */
export function SetTotp({
  isReplaced,
  onClose,
}: {
  /** True if an earlier authenticator exists. */
  readonly isReplaced: boolean;
  readonly onClose: () => void;
}) {
  const [code, setCode] = useState('');
  // The secret must stay the same while the dialog is open.
  const query = useQuery({
    queryKey: ['beginTotp'],
    queryFn: () => call('beginTotp'),
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  });
  const set = useChange('setTotp');
  return (
    <FormDialog
      title="Set up an authenticator"
      verb="Use this authenticator"
      isReady={query.data !== undefined && code.trim() !== ''}
      submit={async () => {
        const ticket = query.data?.ticket ?? '';
        await set.mutateAsync({ body: { ticket, code: code.replaceAll(/\s/g, '') } });
        toast('The authenticator is set up');
      }}
      onClose={onClose}
    >
      <p>
        Scan the code with an authenticator app, or type its secret. Then enter the six digits that it shows.
        {isReplaced ? ' The codes of the earlier authenticator stop working.' : ''}
      </p>
      <Answer query={query}>
        {({ secret, uri }) => (
          <>
            <QrCode text={uri} label="Code for the authenticator" />
            <Copyable text={secret} what="the secret" />
          </>
        )}
      </Answer>
      <CodeInput value={code} onChange={setCode} />
    </FormDialog>
  );
}
