/** What the supervising process and its workers tell each other, over the channel that the runtime gives them. */
import type { GatewayEvent } from '../../base/events.ts';
import type { Impact } from '../../pipeline/membership.ts';
import type { RecordingImage } from '../../policy/authorization/learning/recording.ts';
import type { ShadowReport } from '../../policy/authorization/shadow/shadow-tally.ts';
import type { Ban, BanSubject } from '../../policy/detection/bans/ban.ts';
import type { ClientSample } from '../../policy/detection/client-sample.ts';
import type { ToldQuarantine } from '../../policy/detection/quarantine.ts';
import type { LimitName } from '../../policy/limits/limit-name.ts';
import type { LimitReport } from '../../policy/limits/limit-report.ts';
import type { Target } from '../../policy/limits/limit-rules.ts';
import type { Limit } from '../../policy/limits/limit-value.ts';
import type { Claim } from '../../transports/upstream/client-owners.ts';
import type { Service } from '../../transports/upstream/target.ts';
import type { TargetStatus } from '../../transports/upstream/target-status.ts';
import type { ClientAnswer, ClientQuestion } from '../clients/gateway-clients.ts';
import type { GatewayFigures } from '../clients/gateway-figures.ts';
import type { Config } from '../config/config.ts';
import type { AttackDetected, Gateway, ReloadOutcome } from '../gateway.ts';
import type { MetricSample } from '../observability/metrics/metric-sample.ts';
import type { ResponseOrder } from '../response/responses.ts';

/** A limit that is set for now. `forMs` is absent where it lasts. */
/** In a signal's place: another worker has taken over, and the clients of this one come back to it. */
export const REPLACED = 'replaced';

export interface ToldOverride {
  readonly target: Target;
  readonly limit: Limit;
  readonly forMs: number | undefined;
}

/** To a worker. Requests carry a number that their answer repeats. */
export type ToWorker =
  | {
      readonly kind: 'start';
      readonly config: Config;
      readonly configPath: string;
      /** Counted from 1; begins the identifiers of its connections. */
      readonly slot: number;
      readonly workers: number;
      /** Where the embedded broker is reached. */
      readonly brokerPath: string;
      readonly ticketSecret: Uint8Array;
      readonly isLearning: boolean;
      readonly overrides: readonly ToldOverride[];
      readonly confined: readonly ToldQuarantine[];
    }
  | { readonly kind: 'reload'; readonly id: number; readonly config: Config }
  | { readonly kind: 'drain'; readonly signal: string }
  /** All that was sent to one that leaves has been sent, connections included. */
  | { readonly kind: 'farewell' }
  | { readonly kind: 'upstream status'; readonly id: number }
  | { readonly kind: 'shadow report'; readonly id: number }
  | { readonly kind: 'recording'; readonly id: number }
  | { readonly kind: 'metric samples'; readonly id: number }
  | { readonly kind: 'override'; readonly override: ToldOverride }
  | { readonly kind: 'unset override'; readonly target: Target; readonly name: LimitName | undefined }
  | { readonly kind: 'limit report'; readonly id: number; readonly target: Target }
  | { readonly kind: 'client question'; readonly id: number; readonly question: ClientQuestion }
  /** What it may use of budgets that all share; of the rest it has an even part. */
  | { readonly kind: 'shares'; readonly shares: readonly [at: string, share: number][] }
  | { readonly kind: 'set learning'; readonly isOn: boolean }
  | { readonly kind: 'set service'; readonly upstream: string; readonly target: string; readonly service: Service }
  | { readonly kind: 'response'; readonly order: ResponseOrder }
  | { readonly kind: 'attack detected'; readonly event: AttackDetected }
  | { readonly kind: 'confine'; readonly confined: ToldQuarantine }
  | { readonly kind: 'release confined'; readonly subject: BanSubject }
  | { readonly kind: 'banned'; readonly ban: Ban }
  | { readonly kind: 'ban lifted'; readonly subject: BanSubject }
  | { readonly kind: 'claimed'; readonly id: number; readonly granted: boolean };

export type FromWorker =
  | { readonly kind: 'ready'; readonly listeners: Gateway['listeners'] }
  | { readonly kind: 'failed'; readonly says: string }
  | { readonly kind: 'event'; readonly event: GatewayEvent }
  | { readonly kind: 'impact'; readonly order: number; readonly impact: Impact }
  | { readonly kind: 'samples'; readonly samples: readonly ClientSample[] }
  | { readonly kind: 'reloaded'; readonly id: number; readonly outcome: ReloadOutcome }
  | { readonly kind: 'upstream status'; readonly id: number; readonly status: readonly TargetStatus[] }
  | { readonly kind: 'shadow report'; readonly id: number; readonly report: ShadowReport | undefined }
  | { readonly kind: 'recording'; readonly id: number; readonly recording: RecordingImage }
  | { readonly kind: 'limit report'; readonly id: number; readonly report: readonly LimitReport[] }
  | { readonly kind: 'client question'; readonly id: number; readonly answer: ClientAnswer | undefined }
  | { readonly kind: 'demands'; readonly demands: [at: string, demand: number][] }
  /** The last of it, from one that leaves. */
  | { readonly kind: 'recording left'; readonly recording: RecordingImage }
  /** It has given back what reached it last. */
  | { readonly kind: 'farewell' }
  | { readonly kind: 'metric samples'; readonly id: number; readonly samples: readonly MetricSample[] }
  | { readonly kind: 'metric samples left'; readonly samples: readonly MetricSample[] }
  | { readonly kind: 'figures left'; readonly figures: GatewayFigures }
  /** May `owner` use this client identifier at this upstream now? */
  | {
      readonly kind: 'claim';
      readonly id: number;
      readonly upstream: string;
      readonly claim: Claim;
    }
  | {
      readonly kind: 'release';
      readonly upstream: string;
      readonly clientId: string;
      readonly keptForMs: number | undefined;
    };
