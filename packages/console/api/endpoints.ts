import type * as audit from '../../../src/endpoints/audit.js';
import type * as bans from '../../../src/endpoints/bans.js';
import type * as gateway from '../../../src/endpoints/gateway.js';
import type * as doctor from '../../../src/endpoints/jobs/doctor.js';
import type * as jobs from '../../../src/endpoints/jobs/jobs.js';
import type * as proofs from '../../../src/endpoints/jobs/proofs.js';
import type * as trees from '../../../src/endpoints/jobs/trees.js';
import type * as keys from '../../../src/endpoints/keys.js';
import type * as ledger from '../../../src/endpoints/ledger.js';
import type * as mirrors from '../../../src/endpoints/mirrors.js';
import type * as objectChanges from '../../../src/endpoints/object-changes.js';
import type * as objects from '../../../src/endpoints/objects.js';
import type * as overview from '../../../src/endpoints/overview.js';
import type * as admins from '../../../src/endpoints/people/admins.js';
import type * as approvals from '../../../src/endpoints/people/approvals.js';
import type * as factors from '../../../src/endpoints/people/factors.js';
import type * as login from '../../../src/endpoints/people/login.js';
import type * as me from '../../../src/endpoints/people/me.js';
import type * as recovery from '../../../src/endpoints/recovery.js';
import type * as rotations from '../../../src/endpoints/rotations.js';
import type * as search from '../../../src/endpoints/search.js';
import type * as security from '../../../src/endpoints/security.js';
import type * as sessions from '../../../src/endpoints/sessions.js';
import type * as settings from '../../../src/endpoints/settings.js';
import type * as storage from '../../../src/endpoints/storage.js';
import type * as tokens from '../../../src/endpoints/tokens.js';
import type * as userAccess from '../../../src/endpoints/users/access.js';
import type * as loginCheck from '../../../src/endpoints/users/login-check.js';
import type * as sheet from '../../../src/endpoints/users/sheet.js';
import type * as users from '../../../src/endpoints/users/users.js';
import type * as webhooks from '../../../src/endpoints/webhooks.js';

/** The operations of the API, by the names of their constants. This file has types only: no code of the gateway is in the pages. */
export type Endpoints = typeof admins &
  typeof approvals &
  typeof audit &
  typeof bans &
  typeof doctor &
  typeof factors &
  typeof gateway &
  typeof jobs &
  typeof keys &
  typeof ledger &
  typeof mirrors &
  typeof objectChanges &
  typeof objects &
  typeof overview &
  typeof proofs &
  typeof recovery &
  typeof rotations &
  typeof search &
  typeof security &
  typeof sessions &
  typeof settings &
  typeof storage &
  typeof tokens &
  typeof trees &
  typeof login &
  typeof loginCheck &
  typeof me &
  typeof sheet &
  typeof userAccess &
  typeof users &
  typeof webhooks;

type TypesOf<N extends keyof Endpoints> = Endpoints[N] extends { readonly types?: infer T }
  ? Exclude<T, undefined>
  : never;

type Part<N extends keyof Endpoints, P extends string> =
  TypesOf<N> extends Readonly<Record<P, infer V>> ? V : never;

/** The answer of an operation, or one line of it. */
export type AnswerOf<N extends keyof Endpoints> = Part<N, 'answer'>;
export type ParametersOf<N extends keyof Endpoints> = Part<N, 'parameters'>;
export type QueryOf<N extends keyof Endpoints> = Part<N, 'query'>;
export type BodyOf<N extends keyof Endpoints> = Part<N, 'body'>;

/** One item of a list. */
export type ItemOf<N extends keyof Endpoints> =
  AnswerOf<N> extends { readonly items: readonly (infer I)[] } ? I : never;
