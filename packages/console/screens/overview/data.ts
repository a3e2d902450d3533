import type { AnswerOf } from '../../api/endpoints.js';
import { useRead } from '../../api/hooks.js';

export type OverviewAnswer = AnswerOf<'getOverview'>;
export type Activity = AnswerOf<'getActivity'>;
export type ActivityStep = Activity['items'][number];

const overviewMs = 10_000;
const activityMs = 60_000;
const hours = 24;

export const useOverview = () => useRead('getOverview', {}, { everyMs: overviewMs });
export const useActivity = () => useRead('getActivity', { query: { hours } }, { everyMs: activityMs });
