import { protocolFault } from '../wire/fault.js';
import { Message } from '../wire/message-numbers.js';
import { WireReader } from '../wire/reader.js';
import { WireWriter } from '../wire/writer.js';

const maxExtensions = 64;

/** Name and value of an extension (RFC 8308 section 2.3). */
export type Extension = readonly [name: string, value: string];

/** Returns the payload of the server's EXT_INFO: the signature algorithms that a user's key may use, `ping`, and the others. */
export function serverExtInfo(
  signatureAlgorithms: readonly string[],
  others: readonly Extension[] = [],
): Buffer {
  const extensions: readonly Extension[] = [
    ['server-sig-algs', signatureAlgorithms.join(',')],
    ['ping@openssh.com', '0'],
    ...others,
  ];
  const writer = new WireWriter(512).u8(Message.extInfo).u32(extensions.length);
  for (const [name, value] of extensions) writer.string(name).string(value);
  return writer.finish();
}

/** Checks the form of a client's EXT_INFO and returns the names of its extensions. */
export function readExtInfo(payload: Buffer): readonly string[] {
  const reader = new WireReader(payload, 1);
  const count = reader.u32();
  if (count > maxExtensions) throw protocolFault(`${count} extensions, expected at most ${maxExtensions}`);
  const names: string[] = [];
  for (let index = 0; index < count; index += 1) {
    names.push(reader.name());
    reader.string();
  }
  reader.end();
  return names;
}
