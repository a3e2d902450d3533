import type { FastifyReply } from 'fastify';
import type { problemOf } from '../problem.js';

/** Sends a problem document (RFC 9457) as the answer to the request with this id. */
export function sendProblem(
  reply: FastifyReply,
  problem: ReturnType<typeof problemOf>,
  requestId: string,
): void {
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer');
  void reply
    .code(problem.status)
    .headers({
      'content-type': 'application/problem+json',
      'x-request-id': requestId,
      'cache-control': 'no-store',
    })
    .send(JSON.stringify(problem));
}
