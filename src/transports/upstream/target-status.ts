/** What an operator sees of one target. */

export interface TargetStatus {
  readonly upstream: string;
  readonly target: string;
  readonly state: 'up' | 'down' | 'unknown' | 'draining' | 'ejected';
  readonly connections: number;
  /** Undefined before it was asked. */
  readonly mqtt5: boolean | undefined;
  /** What went wrong last. */
  readonly says: string;
}
