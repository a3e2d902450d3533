import { Message } from '../../wire/message-numbers.js';
import { WireWriter } from '../../wire/writer.js';

/** The messages of a client (RFC 4254). */
export const client = {
  open: (peerNumber: number, windowBytes = 2 ** 21, packetBytes = 2 ** 15, type = 'session') =>
    new WireWriter()
      .u8(Message.channelOpen)
      .string(type)
      .u32(peerNumber)
      .u32(windowBytes)
      .u32(packetBytes)
      .finish(),
  request: (number: number, type: string, wantsReply: boolean, data: Uint8Array = Buffer.alloc(0)) =>
    new WireWriter()
      .u8(Message.channelRequest)
      .u32(number)
      .string(type)
      .boolean(wantsReply)
      .raw(data)
      .finish(),
  subsystem: (number: number, name = 'sftp', wantsReply = true) =>
    client.request(number, 'subsystem', wantsReply, new WireWriter().string(name).finish()),
  exec: (number: number, command: string, wantsReply = true) =>
    client.request(number, 'exec', wantsReply, new WireWriter().string(command).finish()),
  data: (number: number, data: Uint8Array) =>
    new WireWriter(data.byteLength + 9).u8(Message.channelData).u32(number).string(data).finish(),
  extendedData: (number: number, data: Uint8Array) =>
    new WireWriter().u8(Message.channelExtendedData).u32(number).u32(1).string(data).finish(),
  windowAdjust: (number: number, bytes: number) =>
    new WireWriter().u8(Message.channelWindowAdjust).u32(number).u32(bytes).finish(),
  eof: (number: number) => new WireWriter().u8(Message.channelEof).u32(number).finish(),
  close: (number: number) => new WireWriter().u8(Message.channelClose).u32(number).finish(),
  global: (name: string, wantsReply: boolean, data: Uint8Array = Buffer.alloc(0)) =>
    new WireWriter().u8(Message.globalRequest).string(name).boolean(wantsReply).raw(data).finish(),
  requestFailure: () => Buffer.from([Message.requestFailure]),
};
