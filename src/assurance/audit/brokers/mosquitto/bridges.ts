/** The bridges of a Mosquitto: each `connection` with the settings that follow it. */
import type { Directive } from './directives.ts';

export interface Bridge {
  readonly name: string;
  readonly directive: Directive;
  readonly settings: readonly Directive[];
}

/** `topic` and these words belong to a bridge; a `listener` ends it. */
const OF_BRIDGES =
  /^(?:bridge_.*|topic|address|addresses|remote_.*|local_.*|cleansession|notifications.*|keepalive_interval|start_type|try_private|round_robin|restart_timeout|idle_timeout|threshold)$/;

export function bridgesOf(directives: readonly Directive[]): Bridge[] {
  const bridges: { name: string; directive: Directive; settings: Directive[] }[] = [];
  for (const directive of directives) {
    if (directive.name === 'connection') bridges.push({ name: directive.value, directive, settings: [] });
    else if (OF_BRIDGES.test(directive.name)) bridges.at(-1)?.settings.push(directive);
  }
  return bridges;
}

/** Whether every address of the bridge is on this machine. */
export function isLocalBridge({ settings }: Bridge): boolean {
  const addresses = settings.filter(({ name }) => name === 'address' || name === 'addresses');
  const hosts = addresses.flatMap(({ value }) => value.split(/\s+/)).map((address) => address.replace(/:\d+$/, ''));
  return hosts.length > 0 && hosts.every((host) => /^(?:localhost|127\.\d+\.\d+\.\d+|\[?::1\]?)$/.test(host));
}
