import { Button, NativeSelect, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useChange } from '../api/hooks.js';
import { problemOf } from '../api/problem.js';
import { Command } from './copy.js';
import { Dialog } from './dialog.js';
import { commandOf } from './format.js';
import { ProblemNotice } from './problem-notice.js';

const durations = [
  ['3600', '1 hour', '1h'],
  ['86400', '1 day', '1d'],
  ['604800', '7 days', '7d'],
  ['2592000', '30 days', '30d'],
] as const;

interface Props {
  /** The address that the form begins with; none by default. */
  readonly from?: string;
  readonly onClose: () => void;
}

/** Asks for an address and a time, and bans the address. */
export function BanDialog({ from = '', onClose }: Props) {
  const [address, setAddress] = useState(from);
  const [seconds, setSeconds] = useState('3600');
  const add = useChange('addBan');
  const wrong = add.error === null ? null : problemOf(add.error);
  const written = durations.find(([value]) => value === seconds)?.[2] ?? '1h';
  const submit = async () => {
    await add.mutateAsync({ body: { address: address.trim(), seconds: Number(seconds) } });
    onClose();
  };
  return (
    <Dialog title="Ban an address" onClose={onClose}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          submit().catch(() => undefined);
        }}
      >
        <TextInput
          label="Address"
          description="An IPv6 address stands for its network of 64 bits"
          required
          value={address}
          error={wrong?.field('/address')}
          onChange={(event) => setAddress(event.currentTarget.value)}
        />
        <NativeSelect
          label="For"
          value={seconds}
          onChange={(event) => setSeconds(event.currentTarget.value)}
          data={durations.map(([value, label]) => ({ value, label }))}
        />
        <p className="dim">Current sessions from there stay. You can end the ban at any time.</p>
        <ProblemNotice error={add.error} />
        <Command text={commandOf('ban', 'add', address === '' ? 'ADDRESS' : address, '--for', written)} />
        <div className="actions">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={add.isPending}>
            Ban
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
