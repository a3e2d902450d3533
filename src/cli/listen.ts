import { isIP } from 'node:net';
import { Fault } from '../model/fault.js';

export interface ListenAddress {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
}

/** `HOST:PORT`, with an IPv6 address in brackets; `:PORT` is every address. Throws `invalid` with the form. */
export function parseListenAddress(text: string): ListenAddress {
  const match = /^(?:\[(?<v6>[^\]]+)\]|(?<host>[^:[\]]*)):(?<port>\d{1,5})$/.exec(text);
  const { v6, host, port } = match?.groups ?? {};
  const number = Number(port);
  if (match === null || number > 65_535 || (v6 !== undefined && isIP(v6) !== 6)) {
    throw new Fault(
      'invalid',
      `${JSON.stringify(text)} is no address to listen on: expected HOST:PORT such as 127.0.0.1:2222 or [::1]:2222`,
    );
  }
  return { host: (v6 ?? host) || '::', port: number };
}
