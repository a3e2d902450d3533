import type { IncomingHttpHeaders } from 'node:http';
import { Fault } from '../model/fault.js';

/** A page of another site cannot send this header without a preflight request, which the console refuses. */
export const csrfHeader = 'x-sftpgw-csrf';

/**
 * Throws `denied` for a request of a browser that another site may have caused: one that changes something without the
 * header, or that the browser itself marks (Fetch Metadata, `Sec-Fetch-Site`).
 */
export function refuseForgery(method: string, headers: IncomingHttpHeaders): void {
  if (method === 'GET' || method === 'HEAD') return;
  if (headers[csrfHeader] !== '1') {
    throw new Fault('denied', `the header ${csrfHeader} is missing: send ${csrfHeader}: 1`);
  }
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') {
    throw new Fault('denied', 'the request comes from the page of another site');
  }
}
