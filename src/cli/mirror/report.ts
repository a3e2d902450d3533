import type { MirrorAction, MirrorPrefixStatus } from '../../model/mirror.js';
import { printable } from '../../objects/s3-url.js';
import { renderBytes, renderDuration } from '../terminal/render.js';

/** Describes the last pass in one line. */
export function describePass(status: MirrorPrefixStatus): string {
  const { name, lastPass } = status;
  if (lastPass === null) return `${name}: no pass yet`;
  const { fetched, fetchedBytes, deleted, unchanged, durationMs } = lastPass;
  const took = durationMs < 1000 ? `${Math.round(durationMs)} ms` : renderDuration(durationMs);
  return `${name}: ${resultOf(status)}: ${fetched} fetched (${renderBytes(fetchedBytes)}), ${deleted} deleted, ${unchanged} unchanged, in ${took}`;
}

/** Returns the end of the last pass and its result. */
export function lastPassOf(status: MirrorPrefixStatus): string {
  const { lastPass } = status;
  if (lastPass === null) return 'never';
  const at = new Date(lastPass.startedMs + lastPass.durationMs).toISOString();
  return `${at.slice(0, 19)}Z ${resultOf(status)}`;
}

function resultOf({ lastPass, problemCount }: MirrorPrefixStatus): string {
  switch (lastPass?.result) {
    case 'complete':
      return 'complete';
    case 'problems':
      return problemCount === 1 ? '1 problem' : `${problemCount} problems`;
    case 'failed':
      return 'failed';
    case 'cancelled':
      return 'interrupted';
    case undefined:
      return 'never';
  }
}

/**
 * Returns one line for each object that is not mirrored and for a failed listing, with the reason.
 */
export function describeMirrorProblems({
  name,
  lastPass,
  problems,
  problemCount,
}: MirrorPrefixStatus): readonly string[] {
  const lines = problems.map(({ path, text }) => `${name}: ${printable(path)}: ${printable(text)}`);
  if (lastPass?.result === 'failed') lines.unshift(`${name}: ${printable(lastPass.text ?? '')}`);
  const more = problemCount - problems.length;
  if (more > 0) lines.push(`${name}: and ${more} more`);
  return lines;
}

const reasons: Readonly<Record<Extract<MirrorAction, { kind: 'fetch' }>['reason'], string>> = {
  new: 'new in S3',
  changed: 'changed in S3',
  damaged: 'missing or changed on disk',
  retry: 'retried with other keys',
};

/** Describes one step of a plan in one line. */
export function describeAction(action: MirrorAction): string {
  switch (action.kind) {
    case 'fetch':
      return `fetch ${printable(action.path)} (${renderBytes(action.object.size)}, ${reasons[action.reason]})`;
    case 'report':
      return `report ${printable(action.problem.path)}: ${printable(action.problem.text)}`;
    case 'delete':
    case 'forget':
    case 'make-directory':
    case 'remove-directory':
    case 'leave':
      return `${action.kind.replace('-', ' ')} ${printable(action.path)}`;
  }
}
