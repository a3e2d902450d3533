import { describe, expect, it } from 'vitest';
import { auditedCounts } from './audited-counts.js';
import { GatewayMetrics } from './gateway-metrics.js';
import { measuredRecorder } from './measured-recorder.js';

const actor = { kind: 'user', name: 'bob' } as const;

describe('a scrape', () => {
  it('has the other values if a group fails, and counts the failure', async () => {
    const metrics = new GatewayMetrics();
    metrics.add(
      { name: 'good', read: () => [{ name: 'sftpgw_sessions', value: 3 }] },
      { name: 'bad', read: () => Promise.reject(new Error('locked')) },
    );
    await metrics.scrape();
    const text = await metrics.scrape();
    expect(text).toContain('sftpgw_sessions 3\n');
    expect(text).toContain('sftpgw_scrape_failures_total{group="bad"} 2\n');
  });

  it('adds the values of other processes, without those that all of them share', async () => {
    const [own, other] = [new GatewayMetrics(), new GatewayMetrics()];
    for (const [metrics, sessions, startedAt] of [
      [own, 3, 20],
      [other, 4, 10],
    ] as const) {
      metrics.add(
        {
          name: 'process',
          read: () => [
            { name: 'sftpgw_sessions', value: sessions },
            { name: 'process_start_time_seconds', value: startedAt },
            { name: 'sftpgw_upload_memory_limit_bytes', value: 7 },
            { name: 'sftpgw_open_transfers', value: sessions, labels: { direction: 'upload' } },
          ],
        },
        { name: 'shared', isShared: true, read: () => [{ name: 'sftpgw_bans', value: 5 }] },
      );
      metrics.s3Attempt('PutObject', 'ok', 0.002);
    }
    own.combineWith(async () => [JSON.parse(JSON.stringify(await other.snapshot()))]);
    const text = await own.scrape();
    for (const line of [
      'sftpgw_sessions 7',
      'process_start_time_seconds 10',
      'sftpgw_upload_memory_limit_bytes 7',
      'sftpgw_open_transfers{direction="upload"} 7',
      'sftpgw_bans 5',
      'sftpgw_s3_requests_total{operation="PutObject",result="ok"} 2',
      'sftpgw_s3_request_seconds_bucket{le="0.0025",operation="PutObject"} 2',
      'sftpgw_s3_request_seconds_count{operation="PutObject"} 2',
    ]) {
      expect(text).toContain(`${line}\n`);
    }
  });

  it('is shared by scrapes at the same time', async () => {
    const metrics = new GatewayMetrics();
    let reads = 0;
    metrics.add({
      name: 'counted',
      read: async () => {
        reads += 1;
        return [];
      },
    });
    await Promise.all([metrics.scrape(), metrics.scrape(), metrics.scrape()]);
    expect(reads).toBe(1);
  });

  it('forgets labels that are gone, and keeps counters that are read as totals', async () => {
    const metrics = new GatewayMetrics();
    let isFirst = true;
    metrics.add({
      name: 'both',
      read: () => {
        const gone = { name: 'sftpgw_check_ok', value: 0, labels: { check: 'drain' } } as const;
        const total = { name: 'process_cpu_seconds_total', value: isFirst ? 5 : 7 } as const;
        const samples = isFirst ? [gone, total] : [total];
        isFirst = false;
        return samples;
      },
    });
    expect(await metrics.scrape()).toContain('sftpgw_check_ok{check="drain"} 0');
    const text = await metrics.scrape();
    expect(text).not.toContain('check="drain"');
    expect(text).toContain('process_cpu_seconds_total 7\n');
  });

  it('has what was counted', async () => {
    const metrics = new GatewayMetrics();
    metrics.sftpRequest('close', 0.2);
    metrics.s3Attempt('put', 'unavailable', 1);
    metrics.s3Retry('put');
    metrics.databaseCommit(0.01);
    metrics.eventReceived();
    metrics.eventFailed('queue');
    const text = await metrics.scrape();
    expect(text).toContain('sftpgw_sftp_request_seconds_count{request="close"} 1');
    expect(text).toContain('sftpgw_s3_requests_total{operation="put",result="unavailable"} 1');
    expect(text).toContain('sftpgw_s3_request_seconds_sum{operation="put"} 1');
    expect(text).toContain('sftpgw_s3_retries_total{operation="put"} 1');
    expect(text).toContain('sftpgw_database_commit_seconds_count 1');
    expect(text).toContain('sftpgw_events_total 1');
    expect(text).toContain('sftpgw_event_failures_total{source="queue"} 1');
  });
});

describe('the counts of the audit trail', () => {
  it('count an event also if the trail cannot be written', async () => {
    const metrics = new GatewayMetrics();
    const failing = {
      requireWritable: () => undefined,
      record: () => {
        throw new Error('full');
      },
    };
    const recorder = measuredRecorder(failing, metrics);
    expect(() => recorder.record({ action: 'file.write', actor, result: 'ok' })).toThrow('full');
    expect(await metrics.scrape()).toContain('sftpgw_transfers_total{direction="upload",result="ok"} 1');
  });

  it.each([
    [{ methods: 'publickey,keyboard-interactive' }, 'keyboard-interactive+publickey'],
    [{ methods: 'invented by a client' }, 'other'],
    [{}, 'other'],
  ])('use closed sets of methods: %j', (details, method) => {
    expect(auditedCounts({ action: 'session.login', actor, result: 'ok', details })).toEqual([
      { kind: 'login', method, result: 'ok', count: 1 },
    ]);
  });

  it('count refusals by rule and by method, and those that the trail only counts', () => {
    const refused = (details: object) =>
      auditedCounts({ action: 'session.refused', actor, result: 'denied', details: { ...details } });
    expect(refused({ rule: 'login', refusals: { password: 3, strange: 1 } })).toEqual([
      { kind: 'refusal', rule: 'login', count: 1 },
      { kind: 'login', method: 'password', result: 'refused', count: 3 },
      { kind: 'login', method: 'other', result: 'refused', count: 1 },
    ]);
    expect(refused({ rule: 'rate', count: 90 })).toEqual([{ kind: 'refusal', rule: 'rate', count: 90 }]);
    expect(refused({ rule: 'new' })).toEqual([{ kind: 'refusal', rule: 'other', count: 1 }]);
  });
});
