/** Takes one log line. Lines never contain a key, a signature or a header. */
export type Log = (line: {
  level: 'debug' | 'info' | 'warn' | 'error';
  message: string;
  [field: string]: unknown;
}) => void;
