/**
 * Returns the Retry-After header (RFC 9110, section 10.2.3) in milliseconds; a date counts from the
 * response's own Date. 0 when it is absent, in the past or not understood.
 */
export function retryAfterMs(headers: Readonly<Record<string, string>>): number {
  const value = headers['retry-after']?.trim() ?? '';
  if (/^\d{1,6}$/.test(value)) return Number(value) * 1000;
  const ms = Date.parse(value) - Date.parse(headers['date'] ?? '');
  return ms > 0 ? ms : 0;
}
