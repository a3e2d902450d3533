import { afterEach, expect, it, vi } from 'vitest';
import type { UserLogin } from '../../model/users/logins.js';
import { parseUsername } from '../../model/users.js';
import { keyLine, offeredCertificate, offeredKey, TestUsers } from '../testing/test-users.js';

afterEach(() => vi.restoreAllMocks());

const foreignKey = offeredKey(99);
const foreignCertificate = offeredCertificate(foreignKey);

/** Attempts that are refused, and how often each is measured. */
const attempts: readonly (readonly [
  name: string,
  rounds: number,
  attempt: (login: UserLogin) => Promise<unknown>,
])[] = [
  ['a key', 800, (login) => login.publicKey(foreignKey)],
  ['a certificate', 800, (login) => login.publicKey(foreignCertificate)],
  ['a password', 60, (login) => login.password('wrong')],
  ['the answer of a dialogue', 60, (login) => login.dialogue().respond(['wrong'])],
];

it.each(attempts)(
  'refuses %s in the same time whether or not the user exists',
  async (_, rounds, attempt) => {
    await using world = await TestUsers.open();
    const publicKeys = Array.from({ length: 20 }, (_key, seed) => keyLine(offeredKey(seed)));
    await world.registry.save(parseUsername('bob'), { publicKeys, password: 'pw' });
    await world.registry.save(parseUsername('totp'), { publicKeys, password: 'pw' });
    await world.registry.createTotp(parseUsername('totp'), 'host');
    // Files that have just changed are read again each time.
    const now = Date.now();
    vi.spyOn(Date, 'now').mockReturnValue(now + 10_000);
    const names = ['bob', 'totp', 'nobody', '../bob'];
    const measured: (readonly number[])[] = [];
    // Other work on the machine disturbs a measurement now and then, a difference in our work disturbs all.
    do measured.push(await mediansOf(world, names, rounds, attempt));
    while (!measured.some((medians) => ratioOf(medians) < maxRatio) && measured.length < maxMeasurements);
    expect(Math.min(...measured.map(ratioOf)), JSON.stringify(measured)).toBeLessThan(maxRatio);
  },
);

/** Slowest median by fastest. */
const maxRatio = 1.15;
const maxMeasurements = 6;

function ratioOf(medians: readonly number[]): number {
  return Math.max(...medians) / Math.min(...medians);
}

/**
 * Returns the median time of an attempt for each name, relative to the other names of the same round, so that a machine
 * that becomes busy slows all of them. The names take turns, in changing order.
 */
async function mediansOf(
  world: TestUsers,
  names: readonly string[],
  rounds: number,
  attempt: (login: UserLogin) => Promise<unknown>,
): Promise<readonly number[]> {
  const relative = new Map<string, number[]>(names.map((name) => [name, []]));
  for (let round = -10; round < rounds; round++) {
    const at = Math.abs(round) % names.length;
    const times = new Map<string, number>();
    for (const name of [...names.slice(at), ...names.slice(0, at)]) {
      const startedMs = performance.now();
      await attempt(await world.begin(name));
      times.set(name, performance.now() - startedMs);
    }
    const usual = medianOf([...times.values()]);
    if (round >= 0) for (const [name, time] of times) relative.get(name)?.push(time / usual);
  }
  return names.map((name) => medianOf(relative.get(name) ?? []));
}

function medianOf(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
