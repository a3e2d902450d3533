import { Fault } from '../../model/fault.js';
import { maxPathBytes, normalisePathText } from '../../model/path.js';

/** Returns a path of a request, normalised. Throws `invalid`. */
export function pathOf(text: string): string {
  if (!text.isWellFormed()) throw new Fault('invalid', 'the path is not valid text');
  if (Buffer.byteLength(text) > maxPathBytes) {
    throw new Fault('invalid', `the path is longer than ${maxPathBytes} bytes`);
  }
  return normalisePathText(text);
}
