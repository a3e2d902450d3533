import { describe, expect, it } from 'vitest';
import { operations as used } from '../../packages/console/api/operations.js';
import { pages } from '../../packages/console/routes.js';
import { eventTypes } from '../../packages/console/screens/webhooks/event-types.js';
import { operations } from '../../src/endpoints/operations.js';
import { webhookTypes } from '../../src/model/api/webhooks.js';

describe('the pages of the console', () => {
  it('call operations that the gateway has', () => {
    const known = operations.map(({ method, path }) => `${method} ${path}`);
    expect(Object.values(used).filter((request) => !known.includes(request))).toEqual([]);
  });

  it('have paths that no other part of the console’s process serves', () => {
    expect(
      pages.filter((path) => /^\/(?:api|files|assets|internal|healthz|readyz|metrics)\b/.test(path)),
    ).toEqual([]);
  });

  it('offer each type of events', () => {
    expect(eventTypes).toEqual(Object.keys(webhookTypes));
  });
});
