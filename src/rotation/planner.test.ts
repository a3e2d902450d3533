import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KeyFingerprint } from '../model/customer-key.js';
import { versionPolicies } from '../model/rotation.js';
import { keyNamed } from '../vault/testing/vault-world.js';
import { type KnownVersion, planVersion, versionName } from './planner.js';

const newKey = keyNamed('new').fingerprint;
const olds = [keyNamed('older').fingerprint, keyNamed('oldest').fingerprint];
const foreign = keyNamed('foreign').fingerprint;
const keys = { newKey, oldKeys: new Set<KeyFingerprint>(olds) };

const anyKnown: fc.Arbitrary<KnownVersion> = fc.oneof(
  fc.constant({ kind: 'other' } as const),
  fc.constantFrom(newKey, ...olds, foreign, null).map((key) => ({ kind: 'sse-c', key }) as const),
);
const anyVersion = fc.record({ isLatest: fc.boolean(), isDeleteMarker: fc.boolean() });
const anyPolicy = fc.constantFrom(...versionPolicies);

describe('the plan for a version', () => {
  it('changes only objects encrypted with an older key of the user, and never changes an older version in place', () => {
    fc.assert(
      fc.property(anyVersion, anyKnown, anyPolicy, (version, known, policy) => {
        const step = planVersion(version, known, keys, policy);
        const isOld = known.kind === 'sse-c' && known.key !== null && keys.oldKeys.has(known.key);
        const changes = step.do === 'rekey' || step.do === 'rewrite-version';
        if (changes) expect(isOld && !version.isDeleteMarker).toBe(true);
        if (step.do === 'rekey') expect(version.isLatest).toBe(true);
        if (step.do === 'rewrite-version') expect([version.isLatest, policy]).toEqual([false, 'rewrite']);
        if (isOld && !version.isDeleteMarker) expect(changes || step.do === 'keep-version').toBe(true);
      }),
    );
  });

  it('does nothing for a version that has the new key', () => {
    fc.assert(
      fc.property(anyVersion, anyPolicy, (version, policy) => {
        const known = { kind: 'sse-c', key: newKey } as const;
        expect(planVersion(version, known, keys, policy).do).toBe('nothing');
      }),
    );
  });

  it('leaves delete markers and objects without a key, and says why', () => {
    const version = { isLatest: true, isDeleteMarker: false };
    const marker = { ...version, isDeleteMarker: true };
    expect(planVersion(marker, null, keys, 'keep')).toEqual({ do: 'nothing', because: 'marker' });
    expect(planVersion(version, { kind: 'other' }, keys, 'keep')).toEqual({
      do: 'nothing',
      because: 'without-key',
    });
    const known = { kind: 'sse-c', key: newKey } as const;
    expect(planVersion(version, known, keys, 'keep')).toEqual({ do: 'nothing', because: 'already' });
    expect(planVersion(version, { kind: 'sse-c', key: null }, keys, 'keep')).toEqual({
      do: 'report',
      key: null,
    });
  });

  it('inspects a version whose key is unknown, and reports a key that is not the user’s', () => {
    const version = { isLatest: true, isDeleteMarker: false };
    expect(planVersion(version, null, keys, 'keep')).toEqual({ do: 'inspect' });
    const known = { kind: 'sse-c', key: foreign } as const;
    expect(planVersion(version, known, keys, 'keep')).toEqual({ do: 'report', key: foreign });
  });
});

it('a version that becomes an object gets the same name at every attempt', () => {
  const version = {
    key: 'd/report.pdf',
    versionId: '3HL4kqtJvjVBH40Nrjfkd',
    isLatest: false,
    isDeleteMarker: false,
    size: 1,
    etag: '"e"',
    lastModifiedMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
  };
  expect(versionName(version)).toBe(versionName({ ...version }));
  expect(versionName(version)).toMatch(/^d\/report\.pdf\.version-20260102T030405Z-[0-9a-f]{16}$/);
  expect(versionName(version)).not.toBe(versionName({ ...version, versionId: `${version.versionId}2` }));
});
