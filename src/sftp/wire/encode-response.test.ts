import { describe, expect, it } from 'vitest';
import type { Attributes } from '../../model/vfs.js';
import { announcedLimits, packetType, statusCode } from './constants.js';
import {
  encodeAttributes,
  encodeDataHead,
  encodeHandle,
  encodeLimits,
  encodeNames,
  encodeStatistics,
  encodeStatus,
  encodeUserAndGroupNames,
  encodeVersion,
  nameEntryBytes,
} from './encode-response.js';
import { FieldReader } from './field-reader.js';
import { extensions } from './requests.js';

/** Checks the packet's length, type and id, and returns a reader of its other fields. */
function body(bytes: Buffer, type: number, id: number): FieldReader {
  expect(bytes.readUInt32BE(0)).toBe(bytes.byteLength - 4);
  expect(bytes[4]).toBe(type);
  expect(bytes.readUInt32BE(5)).toBe(id);
  return new FieldReader(bytes, 9);
}

function text(fields: FieldReader): string {
  return Buffer.from(fields.string()).toString();
}

const file: Attributes = {
  type: 'file',
  size: 5 * 2 ** 40 + 7,
  mode: 0o640,
  mtimeSeconds: 1_700_000_000,
  atimeSeconds: 1_600_000_000,
};

describe('the response encoders', () => {
  it('announce version 3 and every supported extension', () => {
    const bytes = encodeVersion();
    const fields = body(bytes, packetType.version, 3);
    const announced: Record<string, string> = {};
    while (fields.remaining > 0) announced[text(fields)] = text(fields);
    expect(announced).toEqual(
      Object.fromEntries(Object.entries(extensions).map(([name, { version }]) => [name, version])),
    );
    expect(announced).toHaveProperty(['hardlink@openssh.com'], '1');
  });

  it('encode a status with its text and an empty language tag', () => {
    const fields = body(encodeStatus(9, statusCode.failure, 'no räume'), packetType.status, 9);
    expect(fields.uint32()).toBe(statusCode.failure);
    expect(text(fields)).toBe('no räume');
    expect(text(fields)).toBe('');
    expect(fields.remaining).toBe(0);
  });

  it('encode attributes, including a size above 32 bits', () => {
    const fields = body(encodeAttributes(1, file), packetType.attrs, 1);
    expect(fields.attributes()).toEqual({
      size: file.size,
      uid: 1000,
      gid: 1000,
      permissions: 0o100640,
      mtimeSeconds: file.mtimeSeconds,
      atimeSeconds: file.atimeSeconds,
    });
    expect(fields.remaining).toBe(0);
  });

  it('clamp times to 32 bits', () => {
    const odd = { ...file, mtimeSeconds: 2 ** 33, atimeSeconds: -5.5 };
    expect(body(encodeAttributes(1, odd), packetType.attrs, 1).attributes()).toMatchObject({
      mtimeSeconds: 2 ** 32 - 1,
      atimeSeconds: 0,
    });
  });

  it('encode names with and without attributes, in the size that nameEntryBytes returns', () => {
    const entries = [
      { filename: 'ü', longname: '-rw- ü', attributes: file },
      { filename: '/', longname: '/', attributes: null },
    ];
    const bytes = encodeNames(4, entries);
    expect(bytes.byteLength).toBe(13 + entries.reduce((sum, entry) => sum + nameEntryBytes(entry), 0));
    const fields = body(bytes, packetType.name, 4);
    expect(fields.uint32()).toBe(2);
    expect([text(fields), text(fields)]).toEqual(['ü', '-rw- ü']);
    expect(fields.attributes().size).toBe(file.size);
    expect([text(fields), text(fields)]).toEqual(['/', '/']);
    expect(fields.attributes()).toEqual({});
    expect(fields.remaining).toBe(0);
  });

  it('encode a DATA reply up to its data', () => {
    const whole = Buffer.concat([encodeDataHead(5, 3), Buffer.from('abc')]);
    expect(text(body(whole, packetType.data, 5))).toBe('abc');
  });

  it('encode handles, limits, statistics and owner names as OpenSSH expects them', () => {
    expect(text(body(encodeHandle(1, Buffer.from('12345678')), packetType.handle, 1))).toBe('12345678');

    const limits = body(encodeLimits(2, 256), packetType.extendedReply, 2);
    expect([limits.size(), limits.size(), limits.size(), limits.size()]).toEqual([
      announcedLimits.packetBytes,
      announcedLimits.readBytes,
      announcedLimits.writeBytes,
      256,
    ]);

    const space = { blockSize: 4096, totalBlocks: 100, freeBlocks: 40 };
    const statistics = body(encodeStatistics(3, space), packetType.extendedReply, 3);
    expect(Array.from({ length: 11 }, () => statistics.size())).toEqual([
      4096, 4096, 100, 40, 40, 0, 0, 0, 0, 0, 255,
    ]);

    const owners = body(encodeUserAndGroupNames(4, ['bob', ''], ['staff']), packetType.extendedReply, 4);
    const users = new FieldReader(owners.string());
    const groups = new FieldReader(owners.string());
    expect([text(users), text(users), users.remaining]).toEqual(['bob', '', 0]);
    expect([text(groups), groups.remaining]).toEqual(['staff', 0]);
  });
});
