import { expect, it } from 'vitest';
import { retryAfterMs } from './retry-after.js';

const date = 'Mon, 30 Nov 2026 10:00:00 GMT';

it.each([
  [{}, 0],
  [{ 'retry-after': '3' }, 3_000],
  [{ 'retry-after': 'Mon, 30 Nov 2026 10:00:07 GMT', date }, 7_000],
  [{ 'retry-after': 'Mon, 30 Nov 2026 09:00:00 GMT', date }, 0],
  [{ 'retry-after': 'Mon, 30 Nov 2026 10:00:07 GMT' }, 0],
  [{ 'retry-after': '-1' }, 0],
  [{ 'retry-after': 'soon' }, 0],
])('Retry-After in %j is %i ms', (headers, ms) => {
  expect(retryAfterMs(headers)).toBe(ms);
});
