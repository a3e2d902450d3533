import { randomBytes } from 'node:crypto';
import { protocolFault } from '../wire/fault.js';
import { Message } from '../wire/message-numbers.js';
import { WireReader } from '../wire/reader.js';
import { WireWriter } from '../wire/writer.js';

const cookieBytes = 16;
const maxListBytes = 8 * 1024;

/** The lists of a KEXINIT in the order of RFC 4253 section 7.1. */
export const kexListNames = [
  'kex',
  'hostKey',
  'cipherClientToServer',
  'cipherServerToClient',
  'macClientToServer',
  'macServerToClient',
  'compressionClientToServer',
  'compressionServerToClient',
  'languageClientToServer',
  'languageServerToClient',
] as const;

export type KexListName = (typeof kexListNames)[number];
export type KexLists = Readonly<Record<KexListName, readonly string[]>>;

export interface KexInit extends KexLists {
  /** The peer guessed, and sends the first message of its preferred method at once. */
  readonly firstKexPacketFollows: boolean;
}

/** Returns the payload of a KEXINIT with a new cookie. */
export function buildKexInit(lists: KexLists, firstKexPacketFollows = false): Buffer {
  const writer = new WireWriter(1024).u8(Message.kexInit).raw(randomBytes(cookieBytes));
  for (const name of kexListNames) writer.nameList(lists[name]);
  return writer.boolean(firstKexPacketFollows).u32(0).finish();
}

/** Reads the payload of a KEXINIT. Throws a `ProtocolError` when it is malformed. */
export function parseKexInit(payload: Buffer): KexInit {
  const reader = new WireReader(payload, 1);
  reader.raw(cookieBytes);
  const list = () => reader.nameList(maxListBytes);
  // The properties are evaluated in the order of the message.
  const lists: KexLists = {
    kex: list(),
    hostKey: list(),
    cipherClientToServer: list(),
    cipherServerToClient: list(),
    macClientToServer: list(),
    macServerToClient: list(),
    compressionClientToServer: list(),
    compressionServerToClient: list(),
    languageClientToServer: list(),
    languageServerToClient: list(),
  };
  const firstKexPacketFollows = reader.boolean();
  if (reader.u32() !== 0) throw protocolFault('reserved field of KEXINIT is not 0');
  reader.end();
  return { ...lists, firstKexPacketFollows };
}
