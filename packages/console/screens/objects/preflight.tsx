import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { call } from '../../api/client.js';
import type { BodyOf } from '../../api/endpoints.js';
import { KeyGlyph } from '../../parts/key-glyph.js';
import { Answer } from '../../parts/loading.js';
import { Facts } from '../../parts/page.js';
import { sentence } from '../../parts/problem-notice.js';
import { Status } from '../../parts/status.js';
import { Bytes, Mono } from '../../parts/values.js';
import { s3Url } from './location.js';

export type PreflightBody = BodyOf<'preflightObject'>;

const typingMs = 300;

/** Returns what an upload, copy or move would do; null as the body asks nothing. */
export function usePreflight(body: PreflightBody | null) {
  const asked = useSettled(body === null ? '' : JSON.stringify(body));
  return useQuery({
    queryKey: ['preflightObject', asked],
    queryFn: ({ signal }) => call('preflightObject', { body: JSON.parse(asked) as PreflightBody, signal }),
    enabled: asked !== '',
  });
}

/** Returns a text once the person has not typed for a moment. */
function useSettled(text: string): string {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), typingMs);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}

/** The effects that a change would have: target, owner, key, size, and whether the gateway allows it. */
export function Preflight({
  query,
  target: { bucket, key },
}: {
  readonly query: ReturnType<typeof usePreflight>;
  readonly target: PreflightBody['to'];
}) {
  return (
    <Answer query={query}>
      {({ allowed, reason, owner, encryption, keyId, keyLabel, size }) => (
        <>
          <Facts
            entries={[
              ['Target', <Mono key="target">{s3Url(bucket, key)}</Mono>],
              ['Belongs to', owner ?? <span className="dim">no user</span>],
              [
                'Encrypted with',
                keyId === null ? (
                  (encryption ?? <span className="dim">nothing is decided</span>)
                ) : (
                  <KeyGlyph key="key" value={{ id: keyId, label: keyLabel }} />
                ),
              ],
              size === null ? null : ['Size', <Bytes key="size" value={size} />],
            ]}
          />
          {allowed ? (
            <Status tone="good">The gateway allows this.</Status>
          ) : (
            <div className="problem" role="alert">
              <Status tone="bad">
                <b>Refused</b>
              </Status>
              <p>{sentence(reason ?? 'the gateway refuses this')}</p>
            </div>
          )}
        </>
      )}
    </Answer>
  );
}
