import { bearerHeaders, urlOf } from './client.js';
import { operations } from './operations.js';
import { ApiProblem } from './problem.js';

/** Bytes of a download that the page holds in memory. Only a person without a session needs that. */
export const maxBlobBytes = 512 * 1024 * 1024;

/** The location of an object. */
export interface ObjectPlace {
  readonly bucket: string;
  readonly key: string;
}

/** Returns the address of an object's content. It answers with an attachment, never with a page. */
export function contentUrl({ bucket, key }: ObjectPlace): string {
  return urlOf(operations.downloadObject.split(' ')[1] ?? '', { query: { bucket, key } });
}

/** Saves an object as a file of this computer, for a person whose token no link can carry. Throws an `ApiProblem`. */
export async function saveWithToken(place: ObjectPlace, name: string): Promise<void> {
  const response = await fetch(contentUrl(place), { headers: bearerHeaders() });
  if (!response.ok) throw new ApiProblem(response.status, documentOf(await response.text()));
  const url = URL.createObjectURL(await response.blob());
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}

/**
 * Stores a file as an object. `progress` gets the bytes sent so far. An abort of the signal ends the upload: the object
 * then does not appear. Throws an `ApiProblem`.
 */
export function uploadFile(
  place: ObjectPlace,
  file: Blob,
  progress: (bytes: number) => void,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const [method = 'PUT'] = operations.uploadObject.split(' ');
    const request = new XMLHttpRequest();
    request.open(method, contentUrl(place));
    const headers = { ...bearerHeaders(), 'x-sftpgw-csrf': '1', 'content-type': 'application/octet-stream' };
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded }) => progress(loaded);
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) resolve();
      else reject(new ApiProblem(request.status, documentOf(request.responseText)));
    };
    request.onerror = () => reject(ApiProblem.unreachable());
    request.onabort = () => reject(new DOMException('the upload was stopped', 'AbortError'));
    signal.addEventListener('abort', () => request.abort(), { once: true });
    request.send(file);
  });
}

function documentOf(text: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(text) as Readonly<Record<string, unknown>>;
  } catch {
    // A proxy in front of the console answers with a page of its own.
    return {};
  }
}
