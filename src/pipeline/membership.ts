/** Which open connections a detection is about, and how many of them are of known-good clients. */
import { NetworkSet } from '../base/ip-address.ts';
import type { BanSubject } from '../policy/detection/bans/ban.ts';
import type { Client } from './client.ts';
import type { Connection } from './connection.ts';
import { isKnownGood, type KnownGoodRules } from './known-good.ts';

/** Whether a client is meant, by what is known of it now. */
export function isMeantBy({ kind, value }: BanSubject): (client: Client) => boolean {
  switch (kind) {
    case 'address':
      return ({ downstream }) => downstream.address === value;
    case 'network': {
      const network = new NetworkSet([value]);
      return ({ downstream }) => network.has(downstream.address);
    }
    case 'username':
      return ({ identity, username }) => (identity?.username ?? username) === value;
    case 'clientId':
      return ({ clientId }) => clientId === value;
    case 'certificate':
      return ({ downstream }) => downstream.certificate?.fingerprint === value;
  }
}

/** Whom a response hits. */
export interface Impact {
  readonly hit: number;
  readonly knownGoodHit: number;
  /** Of all that are connected. */
  readonly knownGood: number;
}

export function impactOn(
  connections: Iterable<Connection>,
  subject: BanSubject,
  rules: KnownGoodRules,
  nowMs: number,
): Impact {
  const isMeant = isMeantBy(subject);
  let [hit, knownGoodHit, knownGood] = [0, 0, 0];
  for (const { client } of connections) {
    const meant = isMeant(client);
    const good = isKnownGood(client, rules, nowMs);
    if (meant) hit++;
    if (good) knownGood++;
    if (meant && good) knownGoodHit++;
  }
  return { hit, knownGoodHit, knownGood };
}
