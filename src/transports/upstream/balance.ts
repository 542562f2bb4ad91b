/** What every way of balancing chooses from. */

export interface Candidate {
  readonly name: string;
  /** As configured. */
  readonly weight: number;
  /** 0 to 1: less than the whole while it starts slowly. */
  readonly share: number;
  readonly connections: number;
}

export interface Balancer {
  /** `candidates` is not empty. */
  pick<Kind extends Candidate>(candidates: readonly Kind[], clientId: string): Kind;
}
