import { NativeSelect, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useLocation } from 'wouter';
import type { ObjectPlace } from '../../api/bytes.js';
import { useAll, useChange } from '../../api/hooks.js';
import { FormDialog } from '../../parts/form-dialog.js';
import { commandOf, countOf, formatBytes } from '../../parts/format.js';
import { toast } from '../../parts/toast.js';
import { lastPart, objectPage, prefixPage, s3Url } from './location.js';
import { Preflight, usePreflight } from './preflight.js';

/** A bucket with a key or prefix. */
type Target = ObjectPlace;

/** Chooses a target: a user's uploads, or any bucket and key. */
function TargetFields({
  name,
  target,
  isTree,
  set,
}: {
  /** Added to the prefix of a chosen user. */
  readonly name: string;
  readonly target: Target;
  readonly isTree: boolean;
  readonly set: (target: Target) => void;
}) {
  const users = useAll('listUsers');
  const items = users.data?.items ?? [];
  const chosen = items.find(
    ({ bucket, prefix }) => bucket === target.bucket && prefix !== null && target.key === `${prefix}${name}`,
  );
  const choose = (username: string) => {
    const user = items.find((one) => one.username === username);
    if (user !== undefined && user.bucket !== null && user.prefix !== null) {
      set({ bucket: user.bucket, key: `${user.prefix}${name}` });
    }
  };
  return (
    <>
      <NativeSelect
        label="To the uploads of"
        value={chosen?.username ?? ''}
        onChange={(event) => choose(event.currentTarget.value)}
        data={[
          { value: '', label: 'another location' },
          ...items.map(({ username }) => ({ value: username, label: username })),
        ]}
      />
      <TextInput
        label="Bucket"
        required
        value={target.bucket}
        onChange={(event) => set({ ...target, bucket: event.currentTarget.value })}
      />
      <TextInput
        label={isTree ? 'Prefix' : 'Object key'}
        required
        spellCheck={false}
        value={target.key}
        onChange={(event) => set({ ...target, key: event.currentTarget.value })}
      />
    </>
  );
}

/** Copies or moves one object, after a preflight. */
export function TransferObject({
  source,
  isMove,
  onClose,
}: {
  readonly source: ObjectPlace;
  readonly isMove: boolean;
  readonly onClose: () => void;
}) {
  const [target, set] = useState<Target>(source);
  const [, go] = useLocation();
  const copy = useChange('copyObject');
  const isElsewhere = target.bucket !== source.bucket || target.key !== source.key;
  const isNamed = target.bucket !== '' && target.key !== '' && !target.key.endsWith('/');
  const body = { from: source, to: target };
  const preflight = usePreflight(isElsewhere && isNamed ? body : null);
  const submit = async () => {
    await copy.mutateAsync({ body: { ...body, move: isMove } });
    toast(isMove ? 'Moved' : 'Copied');
    go(objectPage(target));
  };
  return (
    <FormDialog
      title={`${isMove ? 'Move' : 'Copy'} ${lastPart(source.key)}`}
      verb={isMove ? 'Move' : 'Copy'}
      isWide
      isReady={isElsewhere && isNamed && preflight.data?.allowed === true}
      command={commandOf(
        'object',
        isMove ? 'mv' : 'cp',
        s3Url(source.bucket, source.key),
        s3Url(target.bucket, target.key),
      )}
      submit={submit}
      onClose={onClose}
    >
      <p>
        {isMove
          ? 'The object gets the encryption of its new location. It leaves the present one once its copy is complete.'
          : 'The copy gets the encryption of its location. An object that is already there is replaced.'}
      </p>
      <TargetFields name={lastPart(source.key)} target={target} isTree={false} set={set} />
      {isElsewhere && isNamed ? <Preflight query={preflight} target={target} /> : null}
    </FormDialog>
  );
}

/** Encrypts one object with the present key of its location, after a preflight. */
export function ReencryptObject({
  source,
  onClose,
}: {
  readonly source: ObjectPlace;
  readonly onClose: () => void;
}) {
  const copy = useChange('copyObject');
  const body = { from: source, to: source };
  const preflight = usePreflight(body);
  const url = s3Url(source.bucket, source.key);
  const submit = async () => {
    const { value } = await copy.mutateAsync({ body });
    toast(value.outcome === 'copied' ? 'Encrypted again' : 'The object has this encryption already');
  };
  return (
    <FormDialog
      title={`Encrypt ${lastPart(source.key)} again`}
      verb="Encrypt again"
      isWide
      isReady={preflight.data?.allowed === true}
      command={commandOf('object', 'cp', url, url)}
      submit={submit}
      onClose={onClose}
    >
      <p>
        S3 encrypts the object with the present key of its location. The content stays. With versioning, the
        older version keeps its key. A rotation does this for all objects of a user.
      </p>
      <Preflight query={preflight} target={source} />
    </FormDialog>
  );
}

/** Copies or moves all objects below a prefix as a job, after a preflight of the first one. */
export function TransferTree({
  bucket,
  prefix,
  isMove,
  onClose,
}: {
  readonly bucket: string;
  readonly prefix: string;
  readonly isMove: boolean;
  readonly onClose: () => void;
}) {
  const [target, set] = useState<Target>({ bucket, key: prefix });
  const [, go] = useLocation();
  const begin = useChange('copyObjects');
  const { first, count, text } = useTree(bucket, prefix);
  const isElsewhere = target.bucket !== bucket || target.key !== prefix;
  const isNamed = target.bucket !== '' && (target.key === '' || target.key.endsWith('/'));
  const to = { bucket: target.bucket, key: `${target.key}${first?.slice(prefix.length) ?? ''}` };
  const preflight = usePreflight(
    isElsewhere && isNamed && first !== null ? { from: { bucket, key: first }, to } : null,
  );
  const submit = async () => {
    const { value } = await begin.mutateAsync({
      body: { from: { bucket, prefix }, to: { bucket: target.bucket, prefix: target.key }, move: isMove },
    });
    go(`${prefixPage(target.bucket, target.key)}&job=${value.id}&of=${count}`);
  };
  return (
    <FormDialog
      title={`${isMove ? 'Move' : 'Copy'} everything below ${lastPart(prefix)}`}
      verb={isMove ? 'Begin to move' : 'Begin to copy'}
      isWide
      isReady={isElsewhere && isNamed && preflight.data?.allowed === true}
      command={commandOf(
        'object',
        isMove ? 'mv' : 'cp',
        '--recursive',
        s3Url(bucket, prefix),
        s3Url(target.bucket, target.key),
      )}
      submit={submit}
      onClose={onClose}
    >
      <p>{text}. Each object gets the encryption of its new location. The job continues without this page.</p>
      <TargetFields name={lastPart(prefix)} target={target} isTree set={set} />
      {isElsewhere && isNamed && first !== null ? (
        <>
          <p className="dim">The first object as an example:</p>
          <Preflight query={preflight} target={to} />
        </>
      ) : null}
      {isNamed ? null : <p>A prefix ends with a slash.</p>}
    </FormDialog>
  );
}

/** Returns the objects below a prefix in words, their number and the first of them. */
export function useTree(
  bucket: string,
  prefix: string,
): { readonly first: string | null; readonly count: number; readonly text: string } {
  const { data } = useAll('listObjects', { query: { bucket, prefix, recursive: true } });
  const objects = data?.items.filter(({ kind }) => kind === 'object') ?? [];
  const bytes = objects.reduce((sum, one) => sum + (one.kind === 'object' ? one.size : 0), 0);
  const counted = `${countOf(objects.length, 'object')}, ${formatBytes(bytes)}`;
  return {
    first: objects[0]?.key ?? null,
    count: objects.length,
    text: data === undefined ? 'Counting the objects' : data.isCut ? `More than ${counted}` : counted,
  };
}
