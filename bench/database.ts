import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PostgresServer } from '../test/support/postgres-server.js';
import type { Stage } from './arena.js';
import { median } from './measure.js';
import type { Arena, Peer } from './peers/peer.js';
import { type SftpgwOptions, startSftpgw } from './peers/sftpgw.js';
import type { Report } from './results/report.js';
import { renderTable } from './table.js';
import { type Files, uploadSmall } from './workload.js';

interface Gateway {
  readonly arena: Arena;
  readonly peer: Peer;
  readonly seconds: number[];
  readonly cpu: number[];
}

/**
 * Uploads the small files through a gateway on SQLite, one on PostgreSQL on the same machine, and the gateway of
 * another checkout if `before` names its program, in turn.
 */
export async function measureDatabases(
  stage: Stage,
  files: Files,
  { rounds, before }: { readonly rounds: number; readonly before: string | null },
  report: Report,
): Promise<void> {
  await using started = new AsyncDisposableStack();
  const gateways = new Map<string, Gateway>();
  const start = async (name: string, arena: Arena, options: SftpgwOptions) => {
    const peer = started.use(await startSftpgw(arena, options));
    gateways.set(name, { arena, peer, seconds: [], cpu: [] });
  };
  await start('SQLite', stage.arena('sqlite'), {});
  const server = started.adopt(await PostgresServer.start({ isDurable: true }), (one) => one.stop());
  const arena = stage.arena('postgres');
  const passwordFile = join(arena.work, 'database.password');
  writeFileSync(passwordFile, server.password, { mode: 0o600 });
  const url = server.url(await server.createDatabase());
  await start('PostgreSQL', arena, {
    settings: [`database.url=${url}`, `database.password.file=${passwordFile}`],
  });
  if (before !== null) await start('SQLite, before', stage.arena('before'), { program: before });
  // The first round of a program also compiles its code.
  for (let round = -1; round < rounds; round += 1) {
    for (const [name, gateway] of gateways) await measureRound(name, gateway, files, round);
  }
  const rows = [...gateways].map(([name, { seconds, cpu }]) => ({ name, seconds, cpu, failure: null }));
  const unit = { label: 'files/s', amount: files.smallCount };
  report.print(
    renderTable(`Databases, ${files.smallCount} files of 4 KiB, one session`, unit, rows, 'SQLite'),
  );
  const times = (name: string) => median(gateways.get(name)?.seconds ?? []);
  report.ratio('databases: time on PostgreSQL over SQLite', times('PostgreSQL') / times('SQLite'), {
    atMost: 1.5,
  });
  if (before === null) return;
  report.ratio('databases: time on SQLite over before', times('SQLite') / times('SQLite, before'), {
    atMost: 1.05,
  });
}

async function measureRound(
  name: string,
  { arena, peer, seconds, cpu }: Gateway,
  files: Files,
  round: number,
): Promise<void> {
  const before = peer.cpuSeconds();
  const taken = await uploadSmall(arena, peer, files, {
    name: `${name.replaceAll(/\W/g, '')}-${round}`,
    sessions: 1,
  });
  if (round < 0) return;
  seconds.push(taken);
  cpu.push(peer.cpuSeconds() - before);
  process.stderr.write(`${name}: ${taken.toFixed(2)} s\n`);
}
