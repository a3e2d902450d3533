import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseKeyFingerprint } from '../model/customer-key.js';
import { isFault } from '../model/fault.js';
import { type KeyRecord, parseKeyRecord, renderKeyRecord } from './key-record.js';

const hex = (digits: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: digits, maxLength: digits });
const time = fc.integer({ min: 0, max: 4e12 });
const label = fc
  .string({ unit: 'grapheme', maxLength: 30 })
  .map((text) => text.trim())
  .filter((text) => !/\p{C}/u.test(text) && text.length <= 100);

const records: fc.Arbitrary<KeyRecord> = fc.record({
  id: hex(32).map(parseKeyFingerprint),
  md5Base64: fc
    .uint8Array({ minLength: 16, maxLength: 16 })
    .map((bytes) => Buffer.from(bytes).toString('base64')),
  label,
  owner: fc.oneof(
    fc.constant({ kind: 'none' } as const),
    fc.constant({ kind: 'shared' } as const),
    fc.constantFrom('bob', 'a.b-c_d', 'X1').map((username) => ({ kind: 'user', username }) as const),
  ),
  origin: fc.constantFrom('generated', 'imported', 'found'),
  createdMs: time,
  state: fc.constantFrom('active', 'retired', 'destroyed'),
  stateChangedMs: fc.option(time),
  sealedTo: fc.array(fc.constantFrom('age1a', 'age1b', 'age1c'), { maxLength: 3 }),
});

describe('a description', () => {
  it('is read back unchanged', () => {
    fc.assert(
      fc.property(records, (record) => void expect(parseKeyRecord(renderKeyRecord(record))).toEqual(record)),
    );
  });

  it('is refused if a field is missing or has another type', () => {
    fc.assert(
      fc.property(records, fc.nat({ max: 9 }), fc.jsonValue(), (record, at, value) => {
        const fields: Record<string, unknown> = JSON.parse(renderKeyRecord(record));
        const name = Object.keys(fields)[at] ?? 'format';
        delete fields[name];
        expect(() => parseKeyRecord(JSON.stringify(fields))).toThrow();
        try {
          parseKeyRecord(JSON.stringify({ ...fields, [name]: value }));
        } catch (error) {
          expect(isFault(error, 'invalid')).toBe(true);
        }
      }),
    );
  });

  it('is not recognised in arbitrary text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(() => parseKeyRecord(text)).toThrow();
      }),
    );
  });
});
