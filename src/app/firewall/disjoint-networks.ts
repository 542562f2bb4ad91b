/** Networks without those that lie in another of them: the kernel's sets take no two that overlap. */
import { isIPv4 } from 'node:net';
import { networkOf, prefixOf } from '../../base/ip-address.ts';
import { NetworkTable } from '../../policy/detection/bans/network-table.ts';

/** In CIDR notation, each once; a network of one address is written as that address. */
export function disjointNetworks(networks: Iterable<string>): { v4: string[]; v6: string[] } {
  const table = new NetworkTable<string>();
  for (const network of networks) {
    const { address, bits } = prefixOf(network)!;
    const text = networkOf(address, bits, bits);
    table.set(text, text);
  }
  const outermost = [...table.values()].filter((network) => table.allContaining(network).at(-1) === network);
  const texts = outermost.map((network) => network.replace(network.includes(':') ? /\/128$/ : /\/32$/, ''));
  const isV4 = (text: string): boolean => isIPv4(text.split('/')[0]!);
  return { v4: texts.filter(isV4).sort(), v6: texts.filter((text) => !isV4(text)).sort() };
}
