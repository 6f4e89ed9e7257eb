import type { Options, Source } from './core.js';
export { PortableError } from './core.js';

/** What a request tells, and what the caller knows of it. Texts may be empty: nothing is known
 * then, but for `user_agent` and `tls_version`, where it says that there is none. */
export interface SecurityContext {
  user_id: string;
  device_id: string;
  location: {
    continent?: string; country?: string; region?: string; city?: string;
    latitude?: number; longitude?: number; accuracy_km?: number;
  };
  network_info: {
    ip_address: string; user_agent: string; tls_version: string; cipher_suite: string;
    ja4?: string; autonomous_system?: number; traits?: Trait[];
    agent?: 'desktop' | 'mobile' | 'tablet' | 'tv' | 'bot' | 'other';
  };
  request_metadata?: Record<string, string>;
  proof?: 'none' | 'token' | 'certificate' | 'both' | 'caller';
  /** 0 to 1. */
  device_reputation?: number;
  velocity_kmh?: number;
  familiar_place?: boolean;
  rate_per_minute?: number;
  /** 0 to 23. */
  hour_utc?: number;
  method?: string;
  path?: string;
}

export type Trait =
  'anonymous' | 'vpn' | 'hosting' | 'public_proxy' | 'residential_proxy' | 'tor_exit';

/** Rules as the README of the function `guard` says. */
export interface SecurityRules {
  thresholds?: { verify?: number; step_up?: number; block?: number };
  /** Seconds. */
  expires_s?: number;
  rules: { name: string; score: number; group?: string; when: Record<string, unknown> }[];
}

export interface SecurityDecision {
  /** True for the outcome `allow` only. */
  allow: boolean;
  outcome: 'allow' | 'step-up' | 'block';
  /** 1 − risk. */
  confidence_score: number;
  risk_score: number;
  /** The share of the rules whose facts were known. */
  evidence: number;
  risk_factors: string[];
  required_actions: string[];
  /** Seconds since 1970; `null` without a clock. */
  expires_at: number | null;
}

/** Whether requests may pass, by the module `guard-core.wasm`. */
export class Guard {
  /** Without `rules` the usual ones. Rules that are wrong are thrown at once. */
  constructor(module: WebAssembly.Module, options?: Options & { rules?: SecurityRules });
  static load(
    source: Source | Promise<Source>, options?: Options & { rules?: SecurityRules },
  ): Promise<Guard>;

  /** Decides; throws if the context is wrong. `nowMs` is the clock; `NaN`: there is none. */
  evaluate(context: SecurityContext, nowMs?: number): SecurityDecision;
}
