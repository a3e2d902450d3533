import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Call, Logger } from '../model/call.js';
import { releaseLines, runtimeCheck } from './runtime-check.js';

const log: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => log,
};
const call: Call = { id: 'doctor', signal: new AbortController().signal, log };
const today = Date.parse('2026-11-30');

const problem = async (version: string, nowMs = today) => {
  const [finding] = await runtimeCheck(version, () => nowMs).run(call);
  return finding === undefined ? null : `${finding.code}: ${finding.what}`;
};

describe('the runtime check', () => {
  it.each(['24.22.3', '24.23.0', '24.100.0', '26.12.1', '28.0.0'])('accepts Node.js %s', async (version) => {
    expect(await problem(version)).toBeNull();
  });

  it.each(['24.22.2', '24.15.0', '24.9.0', '26.12.0', '26.3.1'])(
    'reports that %s lacks fixes',
    async (version) => {
      expect(await problem(version)).toMatch(/^runtime-outdated: .*lacks security fixes/);
    },
  );

  it.each(['20.20.2', '22.30.0', '25.9.0'])('reports that the line of %s gets no fixes', async (version) => {
    expect(await problem(version)).toMatch(/without security fixes/);
  });

  it('reports a line after its end of life', async () => {
    expect(await problem('24.22.3', Date.parse('2028-05-01T00:00:00Z'))).toMatch(
      /without security fixes since 2028-04-30/,
    );
  });

  it('accepts the supplied runtime', () => {
    const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      readonly optionalDependencies: Readonly<Record<string, string>>;
    };
    const supplied = Object.entries(manifest.optionalDependencies).filter(([name]) =>
      name.startsWith('node-linux-'),
    );
    expect(supplied.map(([, version]) => version)).toEqual(['24.22.3', '24.22.3']);
    expect(releaseLines.find(({ major }) => major === 24)?.lowestSafe).toBe('24.22.3');
  });
});
