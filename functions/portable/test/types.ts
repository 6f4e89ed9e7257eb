// Read by TypeScript, never run: what must be accepted, and what must not.

import { Analytics } from '../js/analytics.js';
import type { ProcessedEvent } from '../js/analytics.js';
import { compile } from '../js/core.js';
import type { Code, Source } from '../js/core.js';
import { Experiments } from '../js/experiments.js';
import { Guard } from '../js/guard.js';
import type { SecurityDecision } from '../js/guard.js';
import { Images } from '../js/images.js';
import { Optimizer } from '../js/optimizer.js';
import type { OptimizedContent } from '../js/optimizer.js';
import { PortableError, Primitives } from '../js/primitives.js';

declare const module: WebAssembly.Module;
declare const bytes: Uint8Array;

export async function accepted(): Promise<void> {
  const sources: (Source | Promise<Source>)[] = [
    module, bytes, new ArrayBuffer(8), fetch('primitives-core.wasm'), compile(module),
  ];
  const on: Primitives = await Primitives.load(sources[0]!, { memoryBytesKept: 1 << 20 });
  const crc: number = on.fastCrc32(bytes, on.fastCrc32(bytes));
  const sum: number = on.vectorizedSum(new Float32Array(4)) + on.branchlessClamp(crc, 0, 9);
  const copies: (Uint8Array | Int32Array)[] = [
    on.keepAbove(bytes, 5), on.clampAll(new Int32Array(4), 0, sum), on.cacheOptimizedFilter(bytes, 1),
  ];
  const lent: number = on.withBuffer((data, { crc32 }) => crc32(data.length) + copies.length);
  const experiments = new Experiments(module);
  const kind: 'mobile' | 'tablet' | 'desktop' | 'unknown' = experiments.detectDevice(null);
  const hash: number = experiments.calculateUserHash(kind);
  const images = new Images(module);
  const picture: Uint8Array = images.resize(images.smartCrop(bytes, 16 / 9), { width: lent + hash % 2 });
  const optimizer = await Optimizer.load(module, { images });
  const made: OptimizedContent = optimizer.optimize(images.transform(picture, '/img/1x1/cover', '*/*'), {
    contentType: 'text/html', acceptEncoding: 'br', clientHints: { connection: '3g' },
  });
  const analytics = await Analytics.load(bytes);
  const seen: ProcessedEvent = analytics.processEvent({
    userId: 'u1', eventType: 'page_view', timestamp: Date.now(), data: { url: '/', country: 'DE' },
  });
  const score: number = seen.anomaly?.score ?? analytics.calculateAnomalyScore(seen.session?.events ?? 0, lent);
  const guard = await Guard.load(bytes, { rules: { rules: [{ name: 'a', score: 1, when: { country: ['AQ'] } }] } });
  const decided: SecurityDecision = guard.evaluate({
    user_id: '', device_id: '', location: { country: 'DE' }, hour_utc: 7,
    network_info: { ip_address: '::1', user_agent: '', tls_version: '', cipher_suite: '', traits: ['vpn'] },
  }, NaN);
  if (decided.expires_at === null && decided.allow) throw new Error(decided.risk_factors.join());
  const coding: 'br' | 'gzip' | 'zstd' | null = made.contentEncoding;
  try {
    on.reverseString(coding ?? `${score}`);
  } catch (error) {
    if (error instanceof PortableError) {
      const code: Code = error.code;
      throw new Error(code, { cause: error });
    }
  }
}

export function refused(on: Primitives, images: Images, optimizer: Optimizer, analytics: Analytics, guard: Guard): void {
  // @ts-expect-error nothing is known of the network
  guard.evaluate({ user_id: '', device_id: '', location: {} });
  // @ts-expect-error nobody did it
  analytics.processEvent({ eventType: 'see' });
  // @ts-expect-error a text is not bytes
  on.fastCrc32('text');
  // @ts-expect-error other numbers than those of the sum
  on.vectorizedSum(new Float64Array(4));
  // @ts-expect-error there is no such side
  images.resize(bytes, { depth: 4 });
  // @ts-expect-error the type of the content is needed
  optimizer.optimize(bytes, {});
  // @ts-expect-error there is no such error
  throw new PortableError('unknown', 'message');
}
