/** Who goes when not everybody can stay: idle connections that hold a place for nothing, then strangers, the newest first. */
import { networkOf } from '../base/ip-address.ts';
import type { Client } from './client.ts';
import { isKnownGood, type KnownGoodRules } from './known-good.ts';

/** All that is asked of a connection. */
export interface Sheddable {
  readonly client: Client;
}

/**
 * A client that listens to nothing and has said nothing but PINGREQ for so long. Whoever may hold subscriptions of an earlier
 * session listens.
 */
export function isIdle({ conduct, subscriptions }: Client, idleAfterMs: number, nowMs: number): boolean {
  return (
    conduct.connectedAtMs !== undefined &&
    subscriptions.size === 0 &&
    !conduct.mayListen &&
    nowMs - conduct.lastTrafficMs >= idleAfterMs
  );
}

/** At most `count` to be shed: anonymous ones first, then others, the newest of each first. Known-good ones never. */
export function strangersFirst<C extends Sheddable>(
  connections: Iterable<C>,
  count: number,
  rules: KnownGoodRules,
  nowMs: number,
): C[] {
  const strangers = open(connections).filter(({ client }) => !isKnownGood(client, rules, nowMs));
  const rank = ({ client }: C): number => (client.identity?.username === undefined ? 0 : 1);
  return strangers.sort((a, b) => rank(a) - rank(b) || sinceMs(b) - sinceMs(a)).slice(0, count);
}

/** At most `count`, known-good or not, the newest first: for when nobody else is left. */
export function newestFirst<C extends Sheddable>(connections: Iterable<C>, count: number): C[] {
  return open(connections)
    .sort((a, b) => sinceMs(b) - sinceMs(a))
    .slice(0, count);
}

/**
 * At most `count` idle connections to be evicted, each time the longest idle of the address that has most of them. So whoever
 * holds hundreds (SlowITe) loses them before anybody loses his one; known-good clients lose none.
 */
export function idlestFirst<C extends Sheddable>(
  connections: Iterable<C>,
  count: number,
  idle: { readonly afterMs: number; readonly rules: KnownGoodRules },
  nowMs: number,
): C[] {
  const crowds = [...idleByAddress(connections, idle, nowMs).values()];
  crowds.sort((a, b) => b.length - a.length);
  const victims: C[] = [];
  // The largest crowds are brought down to the size of the next one, and so on.
  for (let level = crowds[0]?.length ?? 0; level > 0 && victims.length < count; level--) {
    for (const crowd of crowds) {
      if (crowd.length < level || victims.length >= count) break;
      victims.push(crowd.shift()!);
    }
  }
  return victims;
}

/** Idle connections that their address has beyond `perAddressMax`, the longest idle first. */
export function idleBeyond<C extends Sheddable>(
  connections: Iterable<C>,
  perAddressMax: number,
  idle: { readonly afterMs: number; readonly rules: KnownGoodRules },
  nowMs: number,
): C[] {
  const victims: C[] = [];
  for (const crowd of idleByAddress(connections, idle, nowMs).values()) {
    victims.push(...crowd.slice(0, Math.max(0, crowd.length - perAddressMax)));
  }
  return victims;
}

function idleByAddress<C extends Sheddable>(
  connections: Iterable<C>,
  { afterMs, rules }: { readonly afterMs: number; readonly rules: KnownGoodRules },
  nowMs: number,
): Map<string, C[]> {
  const crowds = new Map<string, C[]>();
  for (const connection of connections) {
    const { client } = connection;
    if (!isIdle(client, afterMs, nowMs) || isKnownGood(client, rules, nowMs)) continue;
    const address = networkOf(client.downstream.address, 32, 64);
    const crowd = crowds.get(address);
    if (crowd === undefined) crowds.set(address, [connection]);
    else crowd.push(connection);
  }
  for (const crowd of crowds.values()) {
    crowd.sort((a, b) => a.client.conduct.lastTrafficMs - b.client.conduct.lastTrafficMs);
  }
  return crowds;
}

function open<C extends Sheddable>(connections: Iterable<C>): C[] {
  return [...connections].filter(({ client }) => client.conduct.connectedAtMs !== undefined);
}

function sinceMs({ client }: Sheddable): number {
  return client.conduct.connectedAtMs ?? 0;
}
