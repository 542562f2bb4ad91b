/** The tree `$SYS/sallyport/#` of the embedded broker: how the gateway is, for clients that the policy grants it to. */
import type { Clock, Timer } from '../../base/clock.ts';
import type { Gateway } from '../gateway.ts';
import type { GatewayStatus, StatusDesk } from './gateway-status.ts';

const INTERVAL_MS = 10_000;

export class SysTree {
  readonly #clock: Clock;
  readonly #status: StatusDesk;
  readonly #upstreams: Gateway['upstreams'];
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(clock: Clock, status: StatusDesk, upstreams: Gateway['upstreams']) {
    this.#clock = clock;
    this.#status = status;
    this.#upstreams = upstreams;
    void this.#tell();
  }

  async #tell(): Promise<void> {
    const status = await this.#status.now();
    if (this.#isClosed) return;
    this.#upstreams.tellSysTree(valuesOf(status));
    this.#timer = this.#clock.after(INTERVAL_MS, () => void this.#tell());
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }
}

/** Plain numbers, and nothing of any client. */
function valuesOf(status: GatewayStatus): [name: string, value: string][] {
  const values: [string, string | number][] = [
    ['version', status.version],
    ['uptime', Math.floor(status.uptimeMs / 1000)],
    ['healthy', status.isHealthy ? 1 : 0],
    ['clients/connected', status.clients],
    ['messages/in', status.messagesIn],
    ['messages/out', status.messagesOut],
    ['bytes/in', status.bytesIn],
    ['bytes/out', status.bytesOut],
    ['refusals', status.refusals],
    ['bans', status.bans],
    ['attacks', status.attacks],
    ['overload', status.overloadStage],
  ];
  return values.map(([name, value]) => [`sallyport/${name}`, String(value)]);
}
