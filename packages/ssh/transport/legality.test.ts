import { describe, expect, it } from 'vitest';
import { Message } from '../wire/message-numbers.js';
import { type ExchangeInput, type Handling, handlingOf, type Phase } from './legality.js';

const numbers = Array.from({ length: 256 }, (_, number) => number);
const range = (from: number, to: number) => numbers.slice(from, to + 1);

/** Returns all message numbers, grouped by their handling. */
function tableOf(phase: Phase, input: ExchangeInput): Partial<Record<Handling, number[]>> {
  const table: Partial<Record<Handling, number[]>> = {};
  for (const number of numbers) {
    const handling = handlingOf(phase, input, number);
    table[handling] = [...(table[handling] ?? []), number];
  }
  return table;
}

function except(...excluded: readonly number[]): number[] {
  return numbers.filter((number) => !excluded.includes(number));
}

const { disconnect, ignore, unimplemented, debug, serviceRequest, serviceAccept, extInfo, newCompress } =
  Message;
const dropped = [ignore, unimplemented, debug];
const unknown = [0, ...range(9, 19), ...range(22, 29), ...range(128, 191), ...range(194, 255)];

describe('messages of the first key exchange', () => {
  it('begin with KEXINIT', () => {
    expect(tableOf('firstExchange', 'any')).toEqual({
      disconnect: [disconnect],
      exchange: [Message.kexInit],
      refuse: except(disconnect, Message.kexInit),
    });
  });

  it('are those of the method after KEXINIT', () => {
    expect(tableOf('firstExchange', 'method')).toEqual({
      disconnect: [disconnect],
      exchange: range(30, 49),
      refuse: except(disconnect, ...range(30, 49)),
    });
  });

  it('end with NEWKEYS', () => {
    expect(tableOf('firstExchange', 'newKeys')).toEqual({
      disconnect: [disconnect],
      exchange: [Message.newKeys],
      refuse: except(disconnect, Message.newKeys),
    });
  });
});

describe('messages before the login', () => {
  it('are a service request and EXT_INFO at first', () => {
    expect(tableOf('service', 'any')).toEqual({
      disconnect: [disconnect],
      drop: dropped,
      service: [serviceRequest],
      extInfo: [extInfo],
      ping: [Message.ping],
      unimplemented: unknown,
      refuse: [serviceAccept, newCompress, ...range(20, 21), ...range(30, 127), Message.pong],
    });
  });

  it('are those of user authentication after the service request', () => {
    expect(tableOf('login', 'any')).toEqual({
      disconnect: [disconnect],
      drop: dropped,
      layer: range(50, 79).filter((number) => number < 51 || number > 53),
      ping: [Message.ping],
      unimplemented: unknown,
      refuse: [
        ...range(5, 8),
        ...range(20, 21),
        ...range(30, 49),
        ...range(51, 53),
        ...range(80, 127),
        Message.pong,
      ],
    });
  });
});

describe('messages after the login', () => {
  it('are those of the connection protocol, and a late authentication request is dropped', () => {
    expect(tableOf('open', 'any')).toEqual({
      disconnect: [disconnect],
      drop: [...dropped, Message.userauthRequest],
      exchange: [Message.kexInit],
      layer: range(80, 127),
      ping: [Message.ping],
      unimplemented: unknown,
      refuse: [...range(5, 8), 21, ...range(30, 49), ...range(51, 79), Message.pong],
    });
  });

  it('are those of the exchange and of the connection protocol after a KEXINIT of the client', () => {
    expect(tableOf('open', 'method')).toEqual({
      disconnect: [disconnect],
      drop: dropped,
      exchange: range(30, 49),
      layer: range(80, 127),
      refuse: except(disconnect, ...dropped, ...range(30, 49), ...range(80, 127)),
    });
    expect(tableOf('open', 'newKeys')).toEqual({
      disconnect: [disconnect],
      drop: dropped,
      exchange: [Message.newKeys],
      layer: range(80, 127),
      refuse: except(disconnect, ...dropped, Message.newKeys, ...range(80, 127)),
    });
  });
});
