/** Which conditions are weaker than others: whatever meets the stronger ones meets them too. */
import { NetworkSet } from '../../base/ip-address.ts';
import type { Conditions } from './policy-form.ts';

/** Whether all of `stronger` together are enough for `weaker`. Hours are compared as they are written. */
export function isImplied(weaker: Conditions, stronger: readonly Conditions[]): boolean {
  return (Object.keys(weaker) as (keyof Conditions)[]).every((key) =>
    stronger.some((each) => each[key] !== undefined && isWeaker(key, weaker, each)),
  );
}

function isWeaker(key: keyof Conditions, weaker: Conditions, stronger: Conditions): boolean {
  switch (key) {
    case 'qosMax':
      return stronger.qosMax! <= weaker.qosMax!;
    case 'payloadMaxBytes':
      return stronger.payloadMaxBytes! <= weaker.payloadMaxBytes!;
    case 'retain':
    case 'tls':
      return stronger[key] === weaker[key];
    case 'networks':
      return stronger.networks!.every((inner) => weaker.networks!.some((outer) => holdsNetwork(outer, inner)));
    case 'listeners':
      return stronger.listeners!.every((name) => weaker.listeners!.includes(name));
    case 'hours':
      return stronger.hours!.every(({ text }) => weaker.hours!.some((other) => other.text === text));
  }
}

/** Of two notations for an address, or two that mix them, only those that are spelt alike are taken for the same. */
function holdsNetwork(outer: string, inner: string): boolean {
  if (outer === inner) return true;
  const isV6 = (network: string): boolean => network.includes(':');
  const isMixed = (network: string): boolean => isV6(network) && network.includes('.');
  if (isV6(outer) !== isV6(inner) || isMixed(outer) || isMixed(inner)) return false;
  const bitsOf = (network: string): number => Number(network.split('/')[1] ?? (isV6(network) ? 128 : 32));
  return bitsOf(outer) <= bitsOf(inner) && new NetworkSet([outer]).has(inner.split('/')[0]!);
}
