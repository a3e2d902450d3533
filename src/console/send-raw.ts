import type { FastifyReply } from 'fastify';
import { problemOf } from '../api/problem.js';
import type { Fault } from '../model/fault.js';

/** Answers a request that is no longer the framework's. */
export function sendRaw(reply: FastifyReply, fault: Fault, requestId: string): void {
  const problem = problemOf(fault, requestId);
  if (reply.raw.headersSent || reply.raw.destroyed) return;
  reply.raw.writeHead(problem.status, {
    'content-type': 'application/problem+json',
    'x-request-id': requestId,
    connection: 'close',
  });
  reply.raw.end(JSON.stringify(problem));
}
