import { expect, test } from 'vitest';
import { Slots } from './mirror-slots.js';

const { signal } = new AbortController();

test('spare places are those that nobody has and nobody waits for', async () => {
  const slots = new Slots(4);
  const giveBack = await slots.take(3, signal);
  expect(slots.takeSpare(2)).toBeNull();
  const spare = slots.takeSpare(1);
  expect(spare).not.toBeNull();
  const waiting = slots.take(2, signal);
  spare?.();
  expect(slots.takeSpare(1)).toBeNull();
  giveBack();
  giveBack();
  await waiting;
  expect(slots.takeSpare(2)).not.toBeNull();
  expect(slots.takeSpare(1)).toBeNull();
});
