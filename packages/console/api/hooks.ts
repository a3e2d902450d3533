import {
  keepPreviousData,
  QueryCache,
  QueryClient,
  type UseMutationResult,
  type UseQueryResult,
  useMutation,
  useQuery,
  useQueryClient,
} from '@tanstack/react-query';
import { useRef } from 'react';
import { type Answered, type CallInput, call, callFor, newIdempotencyKey } from './client.js';
import type { AnswerOf, ItemOf } from './endpoints.js';
import type { OperationName, PagedOperationName } from './operations.js';
import { ApiProblem, problemOf } from './problem.js';

const staleMs = 5_000;
const maxRetries = 2;
/** Rows of a list that the console loads. More need a filter. */
export const maxRows = 10_000;
/** Pages of a list that the console reads. The gateway may filter a page down to few rows. */
const maxPages = 50;
const pageSize = 1_000;

/** Creates the cache of answers. A request without a login asks for the person again, which shows the login page. */
export function createQueryClient(): QueryClient {
  const client: QueryClient = new QueryClient({
    queryCache: new QueryCache({
      onError: (error) => {
        const isLoggedIn = client.getQueryData(['getMe']) !== undefined;
        if (isLoggedIn && problemOf(error).status === 401) void client.resetQueries({ queryKey: ['getMe'] });
      },
    }),
    defaultOptions: {
      queries: {
        staleTime: staleMs,
        // Answers of 4xx are the same at the next attempt.
        retry: (failures, error) => isPassing(problemOf(error)) && failures < maxRetries,
      },
    },
  });
  return client;
}

function isPassing({ status }: ApiProblem): boolean {
  return status === 0 || status === 503 || status === 504;
}

/** Options of a query. */
export interface ReadOptions {
  /** Milliseconds for which an answer is used without reading it again. */
  readonly freshMs?: number;
  /** Milliseconds between two requests while the page is visible; without it the answer is read once. */
  readonly everyMs?: number;
  readonly isEnabled?: boolean;
}

/** Reads an operation and keeps its answer. The answer of the last input stays visible until the next one arrives. */
export function useRead<N extends OperationName>(
  name: N,
  input: CallInput = {},
  { everyMs, freshMs = staleMs, isEnabled = true }: ReadOptions = {},
): UseQueryResult<AnswerOf<N>, Error> {
  return useQuery({
    queryKey: [name, input],
    queryFn: ({ signal }) => call(name, { ...input, signal }),
    placeholderData: keepPreviousData,
    enabled: isEnabled,
    staleTime: freshMs,
    ...(everyMs === undefined ? {} : { refetchInterval: everyMs }),
  }) as UseQueryResult<AnswerOf<N>, Error>;
}

/** Like `useRead`, with the version of the resource for a change. */
export function useReadForChange<N extends OperationName>(
  name: N,
  input: CallInput = {},
): UseQueryResult<Answered<AnswerOf<N>>, Error> {
  return useQuery({
    queryKey: [name, 'for change', input],
    queryFn: ({ signal }) => callFor(name, { ...input, signal }),
  }) as UseQueryResult<Answered<AnswerOf<N>>, Error>;
}

/** All items of a list, up to `maxRows`. */
export interface AllItems<I> {
  readonly items: readonly I[];
  /** True if there may be more items than these. */
  readonly isCut: boolean;
}

/** Reads all pages of a list, up to `maxRows` items and `maxPages` pages. */
export function useAll<N extends PagedOperationName>(
  name: N,
  input: CallInput = {},
  { everyMs, freshMs = staleMs, isEnabled = true }: ReadOptions = {},
): UseQueryResult<AllItems<ItemOf<N>>, Error> {
  return useQuery({
    queryKey: [name, 'all', input],
    queryFn: ({ signal }) => readAll(name, { ...input, signal }),
    placeholderData: keepPreviousData,
    enabled: isEnabled,
    staleTime: freshMs,
    ...(everyMs === undefined ? {} : { refetchInterval: everyMs }),
  }) as UseQueryResult<AllItems<ItemOf<N>>, Error>;
}

async function readAll<N extends PagedOperationName>(
  name: N,
  input: CallInput,
): Promise<AllItems<ItemOf<N>>> {
  const items: ItemOf<N>[] = [];
  let cursor: string | null = null;
  let pages = 0;
  do {
    pages += 1;
    const query = { ...input.query, limit: pageSize, ...(cursor === null ? {} : { cursor }) };
    const page = (await call(name, { ...input, query })) as {
      readonly items: readonly ItemOf<N>[];
      readonly next?: string | null;
    };
    items.push(...page.items);
    cursor = page.next ?? null;
  } while (cursor !== null && items.length < maxRows && pages < maxPages);
  return { items: items.slice(0, maxRows), isCut: cursor !== null };
}

/**
 * Returns a change. After it, every answer on the page is read again. A repetition after a lost connection has the
 * same idempotency key, so that the gateway makes the change once.
 */
export function useChange<N extends OperationName>(
  name: N,
): UseMutationResult<Answered<AnswerOf<N>>, Error, CallInput> {
  const client = useQueryClient();
  const key = useRef<string | null>(null);
  return useMutation({
    mutationFn: async (input: CallInput) => {
      key.current ??= newIdempotencyKey();
      try {
        const answered = await callFor(name, { idempotencyKey: key.current, ...input });
        key.current = null;
        return answered;
      } catch (error) {
        // An answer of the gateway ends the attempt. Only a request without one may have had an effect.
        if (error instanceof ApiProblem && error.status !== 0) key.current = null;
        throw error;
      }
    },
    onSuccess: () => client.invalidateQueries(),
  });
}

/** The person of this page; the error has the status 401 without a login. */
export function useMe(): UseQueryResult<AnswerOf<'getMe'>, Error> {
  return useQuery({
    queryKey: ['getMe'],
    queryFn: ({ signal }) => call('getMe', { signal }),
    staleTime: Number.POSITIVE_INFINITY,
  }) as UseQueryResult<AnswerOf<'getMe'>, Error>;
}
