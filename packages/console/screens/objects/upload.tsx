import { Button, Progress } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { uploadFile } from '../../api/bytes.js';
import { Command } from '../../parts/copy.js';
import { Dialog } from '../../parts/dialog.js';
import { commandOf, countOf, formatBytes } from '../../parts/format.js';
import { ProblemNotice } from '../../parts/problem-notice.js';
import { toast } from '../../parts/toast.js';
import { s3Url } from './location.js';
import { Preflight, usePreflight } from './preflight.js';

/** Uploads files of this computer one after the other, after a preflight of their location. */
export function UploadFiles({
  bucket,
  prefix,
  onClose,
}: {
  readonly bucket: string;
  readonly prefix: string;
  readonly onClose: () => void;
}) {
  const [files, setFiles] = useState<readonly File[]>([]);
  const upload = useUpload(bucket, prefix, onClose);
  const first = files[0];
  const target = { bucket, key: `${prefix}${first?.name ?? 'object'}` };
  const preflight = usePreflight({ to: target });
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  return (
    <Dialog title={`Upload to ${s3Url(bucket, prefix)}`} isWide onClose={onClose}>
      <label className="drop">
        <span>{files.length === 0 ? 'Choose files, or drop them here' : chosenText(files, bytes)}</span>
        <input
          type="file"
          multiple
          aria-label="Files"
          disabled={upload.isBusy}
          onChange={(event) => setFiles([...(event.currentTarget.files ?? [])])}
        />
      </label>
      <Preflight query={preflight} target={target} />
      <Command text={commandOf('object', 'put', first?.name ?? 'FILE', s3Url(bucket, target.key))} />
      {upload.isBusy ? (
        <div className="job">
          <Progress
            value={bytes === 0 ? 100 : (upload.sent / bytes) * 100}
            aria-label="Progress of the upload"
            size="sm"
          />
          <span className="number">
            {formatBytes(upload.sent)} of {formatBytes(bytes)}
          </span>
        </div>
      ) : null}
      <ProblemNotice error={upload.error} />
      <div className="actions">
        <Button variant="default" onClick={onClose}>
          {upload.isBusy ? 'Stop' : 'Cancel'}
        </Button>
        <Button
          loading={upload.isBusy}
          disabled={files.length === 0 || preflight.data?.allowed !== true}
          onClick={() => void upload.run(files)}
        >
          Upload
        </Button>
      </div>
    </Dialog>
  );
}

function chosenText(files: readonly File[], bytes: number): string {
  const [first] = files;
  return files.length === 1 && first !== undefined
    ? `${first.name}, ${formatBytes(bytes)}`
    : `${countOf(files.length, 'file')}, ${formatBytes(bytes)}`;
}

/** Uploads files. The end of the dialog stops what is left. */
function useUpload(bucket: string, prefix: string, onDone: () => void) {
  const client = useQueryClient();
  const [sent, setSent] = useState(0);
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const stop = useRef(new AbortController());
  useEffect(() => {
    const controller = new AbortController();
    stop.current = controller;
    return () => controller.abort();
  }, []);
  const run = async (files: readonly File[]) => {
    const { signal } = stop.current;
    setBusy(true);
    setError(null);
    try {
      let before = 0;
      for (const file of files) {
        const done = before;
        await uploadFile(
          { bucket, key: `${prefix}${file.name}` },
          file,
          (now) => setSent(done + now),
          signal,
        );
        before += file.size;
      }
      toast(`${countOf(files.length, 'file')} uploaded`);
      onDone();
    } catch (thrown) {
      if (!signal.aborted) setError(thrown);
    } finally {
      setBusy(false);
      await client.invalidateQueries();
    }
  };
  return { run, sent, isBusy, error };
}
