/** The networks that administrators come from, as `--admin` names them. */
import { isIP } from 'node:net';
import { type Invocation, UsageError } from '../command.ts';

/** @throws {UsageError} for what is no address and no network. */
export function adminNetworks({ options }: Invocation): readonly string[] {
  const networks = (options['admin'] ?? []) as readonly string[];
  for (const network of networks) {
    const [address = '', prefix, rest] = network.split('/');
    const bitsMax = isIP(address) === 6 ? 128 : 32;
    const isPrefix = prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bitsMax);
    if (isIP(address) === 0 || address.includes('%') || !isPrefix || rest !== undefined)
      throw new UsageError(`--admin takes an address or a network such as 192.0.2.0/24, not "${network}".`);
  }
  return networks;
}
