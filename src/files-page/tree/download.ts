import { Download } from '../../api/description/operation.js';
import { releaseBytes } from '../../bytes/buffer-pool.js';
import type { Call } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import { baseName } from '../../model/path.js';
import type { PageClient } from '../page-client.js';

const pieceBytes = 256 * 1024;

/**
 * Returns the download of a file. The file is opened when the answer begins. If its content is damaged or shorter than
 * announced, the answer breaks before its end.
 */
export function downloadOf(call: Call, client: PageClient, path: string): Download {
  return new Download(baseName(path), async (take, begin) => {
    await using file = await client.vfs.openRead(call, path);
    const { size, mtimeSeconds } = await file.attributes();
    begin(size, {
      'last-modified': new Date(mtimeSeconds * 1000).toUTCString(),
      'accept-ranges': 'none',
    });
    let offset = 0;
    while (offset < size) {
      const views = await file.read(call, offset, Math.min(pieceBytes, size - offset));
      if (views === null || views.length === 0) {
        throw new Fault('corrupt', `the file ends after ${offset} of ${size} bytes`);
      }
      for (const view of views) {
        await take(view);
        offset += view.byteLength;
        client.tally.bytesSent += view.byteLength;
        releaseBytes(view);
      }
      client.noteActivity();
    }
    client.tally.filesRead += 1;
  });
}
