import type { AuditEvent } from '../model/audit.js';

/** The counts that an event adds to. */
export type AuditedCount =
  | {
      readonly kind: 'login';
      readonly method: string;
      readonly result: 'ok' | 'refused';
      readonly count: number;
    }
  | { readonly kind: 'refusal'; readonly rule: string; readonly count: number }
  | { readonly kind: 'transfer'; readonly direction: 'upload' | 'download'; readonly result: string };

const methods = new Set(['publickey', 'password', 'keyboard-interactive', 'none', 'hostbased', 'stdio']);
const rules = new Set(['address', 'sessions', 'login', 'timeout', 'rate']);
const other = 'other';

/**
 * Returns what an event of the audit trail counts as. The values are from closed sets, so that no client can
 * make the number of time series grow.
 */
export function auditedCounts({ action, result, details = {} }: AuditEvent): readonly AuditedCount[] {
  switch (action) {
    case 'session.login':
      return [{ kind: 'login', method: methodsOf(details['methods']), result: 'ok', count: 1 }];
    case 'session.refused':
      return [
        { kind: 'refusal', rule: ruleOf(details['rule']), count: countOf(details['count']) },
        ...refusedMethods(details['refusals']),
      ];
    case 'file.write':
      return [{ kind: 'transfer', direction: 'upload', result }];
    case 'file.read':
      return [{ kind: 'transfer', direction: 'download', result }];
    default:
      return [];
  }
}

/** Several methods in sequence are joined with a plus sign. */
function methodsOf(value: unknown): string {
  if (typeof value !== 'string') return other;
  const distinct = [...new Set(value.split(','))].sort();
  return distinct.every((name) => methods.has(name)) ? distinct.join('+') : other;
}

function ruleOf(value: unknown): string {
  return typeof value === 'string' && rules.has(value) ? value : other;
}

function countOf(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : 1;
}

function refusedMethods(value: unknown): readonly AuditedCount[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).map(([method, count]) => ({
    kind: 'login',
    method: methods.has(method) ? method : other,
    result: 'refused',
    count: countOf(count),
  }));
}
