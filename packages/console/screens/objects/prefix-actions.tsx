import { Button, Menu } from '@mantine/core';
import { useState } from 'react';
import { useLocation } from 'wouter';
import { useChange } from '../../api/hooks.js';
import { useMay } from '../../api/roles.js';
import { Confirm } from '../../parts/dialog.js';
import { commandOf } from '../../parts/format.js';
import { lastPart, prefixPage, s3Url } from './location.js';
import { TransferTree, useTree } from './transfer.js';
import { UploadFiles } from './upload.js';

type Open = 'upload' | 'copy' | 'move' | 'remove' | null;

/** The actions of a person on everything at a location. */
export function PrefixActions({ bucket, prefix }: { readonly bucket: string; readonly prefix: string }) {
  const [open, setOpen] = useState<Open>(null);
  const close = () => setOpen(null);
  if (!useMay('operator')) return null;
  return (
    <>
      <Button onClick={() => setOpen('upload')}>Upload</Button>
      {prefix === '' ? null : (
        <Menu position="bottom-end">
          <Menu.Target>
            <Button variant="default">Everything here</Button>
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Item onClick={() => setOpen('copy')}>Copy to another location</Menu.Item>
            <Menu.Item onClick={() => setOpen('move')}>Move to another location</Menu.Item>
            <Menu.Item onClick={() => setOpen('remove')}>Remove</Menu.Item>
          </Menu.Dropdown>
        </Menu>
      )}
      {open === 'upload' ? <UploadFiles bucket={bucket} prefix={prefix} onClose={close} /> : null}
      {open === 'copy' || open === 'move' ? (
        <TransferTree bucket={bucket} prefix={prefix} isMove={open === 'move'} onClose={close} />
      ) : null}
      {open === 'remove' ? <RemoveTree bucket={bucket} prefix={prefix} onClose={close} /> : null}
    </>
  );
}

function RemoveTree({
  bucket,
  prefix,
  onClose,
}: {
  readonly bucket: string;
  readonly prefix: string;
  readonly onClose: () => void;
}) {
  const [, go] = useLocation();
  const { count, text } = useTree(bucket, prefix);
  const remove = useChange('removeObjects');
  const begin = async () => {
    const { value } = await remove.mutateAsync({ body: { from: { bucket, prefix } } });
    go(`${prefixPage(bucket, prefix)}&job=${value.id}&of=${count}`);
  };
  return (
    <Confirm
      consequence={{
        title: `Remove everything below ${lastPart(prefix)}?`,
        does: `${text} below ${s3Url(bucket, prefix)}. The job continues without this page.`,
        undo: 'Without versioning of the bucket this cannot be undone. With it, the older versions stay.',
        command: commandOf('object', 'rm', '--recursive', s3Url(bucket, prefix)),
        verb: 'Remove everything',
      }}
      act={begin}
      onClose={onClose}
    />
  );
}
