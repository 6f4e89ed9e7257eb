import type { Options, Source } from './core.js';
export { PortableError } from './core.js';

export interface AnalyticsEvent {
  userId: string;
  /** 1 to 64 letters, digits, `_`, `-`, `.`, `:` and `/`. */
  eventType: string;
  /** Milliseconds since 1970, of the last day; now, if absent. */
  timestamp?: number;
  data?: {
    /** Of a `page_view`. */
    url?: string;
    /** Anything but `false` and `null`: it failed. */
    error?: unknown;
    /** More than 0: it failed. */
    errorCount?: number;
    [more: string]: unknown;
  };
}

export interface Session {
  events: number;
  /** Milliseconds from the first event to the last. */
  duration: number;
  /** Events that failed. */
  errorCount: number;
  /** Views of pages. */
  views: number;
  /** How unusual it is, 0 to 1. */
  score: number;
}

export interface ProcessedEvent {
  eventType: string;
  timestamp: number;
  /** Whether it counts: a late one does not. */
  taken: 'began' | 'joined' | 'late' | 'future';
  session: Session | null;
  anomaly: { score: number; reason: 'unusual_behavior'; timestamp: number } | null;
}

/** Sessions of users, by the module `analytics-core.wasm`. */
export class Analytics {
  constructor(module: WebAssembly.Module, options?: Options);
  static load(source: Source | Promise<Source>, options?: Options): Promise<Analytics>;

  /** Takes an event, and tells what is known of its user's session. */
  processEvent(event: AnalyticsEvent, nowMs?: number): ProcessedEvent;
  /** How unusual a session is, 0 to 1; a duration of 0 is unknown. */
  calculateAnomalyScore(totalEvents: number, durationMs?: number, errorCount?: number): number;
}
