/** Detectors with a clock that stands still, fed by hand: events as the gateway makes them, and samples. */
import { detectionSchema } from '../../src/app/config/detection-schema.ts';
import type { ConnectionFacts, GatewayEvent } from '../../src/base/events.ts';
import { KeyedHash } from '../../src/base/keyed-hash.ts';
import type { ClientSample } from '../../src/policy/detection/client-sample.ts';
import type { Detection } from '../../src/policy/detection/detection.ts';
import { type DetectionSettings, Detectors } from '../../src/policy/detection/detectors.ts';
import { DETECTOR_NAMES } from '../../src/policy/detection/registry.ts';

export type AttackEvent = Extract<GatewayEvent, { name: 'attack.detected' | 'attack.ended' | 'ceiling.reached' }>;

/** Each event of the kinds that detectors see, as it comes when nothing is said of it. */
const WRONG_PASSWORD = { reason: 0x86, by: 'password-file:users', says: 'wrong password' };
const NOT_GRANTED = { reason: 0x87, by: 'acl:default', says: 'nothing grants it' };

function settingsOf(
  detector: string | undefined,
  settings: Record<string, unknown>,
  top: Record<string, unknown>,
): DetectionSettings {
  if (detector === undefined) return detectionSchema.parse(top);
  const others = DETECTOR_NAMES.filter((name) => name !== detector).map((name) => [name, { enabled: false }]);
  return detectionSchema.parse({ ...Object.fromEntries(others), [detector]: settings, ...top });
}

export class Watchtower {
  readonly detections: Detection[] = [];
  readonly events: GatewayEvent[] = [];
  readonly detectors: Detectors;
  nowMs = 0;
  #connections = 0;

  /** Only `detector` looks, or all of them; settings as in the configuration file. */
  constructor(detector?: string, settings: Record<string, unknown> = {}, top: Record<string, unknown> = {}) {
    this.detectors = new Detectors(settingsOf(detector, settings, top), {
      emit: (event) => this.events.push(event),
      responder: { respond: (detection) => this.detections.push(detection) },
      hash: new KeyedHash(0x12345678, 0x9abcdef0),
    });
  }

  /** As a reload does, which has found the settings of `changed` to differ. */
  reconfigure(detector: string, settings: Record<string, unknown>, changed: readonly string[]): void {
    this.detectors.configure(settingsOf(detector, settings, {}), (name) => changed.includes(name));
  }

  see(event: GatewayEvent): void {
    this.detectors.observe(event, this.nowMs);
  }

  sample(sample: Partial<ClientSample> = {}): void {
    this.detectors.sample(
      {
        connectionId: 'c1',
        listener: 'mqtts',
        address: '192.0.2.9',
        clientId: 'pump-7',
        spanMs: 1000,
        ageMs: 60_000,
        messagesIn: 0,
        messagesOut: 0,
        bytesIn: 0,
        bytesOut: 0,
        retainedIn: 0,
        topicsNew: 0,
        broadFilters: 0,
        refusalsUntold: 0,
        openQos2: 0,
        openQos2Ms: 0,
        isIdle: false,
        ...sample,
      },
      this.nowMs,
    );
  }

  /** Time goes by, and attacks that have decayed end. */
  pass(ms: number): void {
    this.nowMs += ms;
    this.detectors.settle(this.nowMs);
  }

  facts(facts: Partial<ConnectionFacts> = {}): ConnectionFacts {
    const connectionId = `c${++this.#connections}`;
    return { connectionId, listener: 'mqtts', address: '192.0.2.9', port: 50_000, protocolVersion: 5, ...facts };
  }

  failedLogin(facts: Partial<ConnectionFacts> = {}, decision: { reason?: number; method?: string } = {}): void {
    const { method = 'password-file', ...rest } = decision;
    const named = { username: 'root', clientId: 'x', ...facts };
    this.see({ name: 'authentication.failed', method, ...this.facts(named), ...WRONG_PASSWORD, ...rest });
  }

  refusedPublish(topic: string, more: Partial<ConnectionFacts> & { suppressed?: number; reason?: number } = {}): void {
    const facts = this.facts({ clientId: 'pump-7', username: 'ada', ...more });
    this.see({
      name: 'publish.refused',
      topic,
      qos: 0,
      retain: false,
      action: 'dropped',
      ...facts,
      ...NOT_GRANTED,
      ...more,
    });
  }

  refusedSubscribe(filter: string, facts: Partial<ConnectionFacts> = {}): void {
    this.see({ name: 'subscribe.refused', filter, ...this.facts({ clientId: 'pump-7', ...facts }), ...NOT_GRANTED });
  }

  refusedWill(topic: string, facts: Partial<ConnectionFacts> = {}): void {
    this.see({ name: 'will.refused', topic, ...this.facts({ clientId: 'pump-7', ...facts }), ...NOT_GRANTED });
  }

  fault(fault: string, facts: Partial<ConnectionFacts> = {}, by = `codec:${fault}`): void {
    const cause = { reason: 0x81, by, says: 'broken' };
    this.see({ name: 'packet.faulted', fault, clause: 'MQTT-1', sender: 'client', ...this.facts(facts), ...cause });
  }

  refusedConnect(by: string, reason: number, facts: Partial<ConnectionFacts> = {}): void {
    this.see({ name: 'connect.refused', ...this.facts({ clientId: 'x', ...facts }), reason, by, says: 'no' });
  }

  rejected(by: string, facts: Partial<ConnectionFacts> = {}, suppressed?: number): void {
    const held = suppressed === undefined ? {} : { suppressed };
    this.see({ name: 'connection.rejected', ...this.facts(facts), reason: 0x82, by, says: 'no', ...held });
  }

  connected(facts: Partial<ConnectionFacts> & { certificate?: string } = {}): void {
    const { certificate, ...rest } = facts;
    this.see({
      name: 'client.connected',
      cleanStart: true,
      sessionPresent: false,
      keepAliveS: 60,
      ...this.facts({ clientId: 'pump-7', username: 'ada', ...rest }),
      ...(certificate === undefined ? {} : { certificate }),
    });
  }

  closed(
    connected: boolean,
    facts: Partial<ConnectionFacts> & { will?: string; by?: string; reason?: number } = {},
  ): void {
    const { will, by = 'client', reason = 0x80, ...rest } = facts;
    this.see({
      name: 'connection.closed',
      durationMs: 10,
      bytesIn: 1,
      bytesOut: 1,
      connected,
      ...(will === undefined ? {} : { will }),
      ...this.facts(rest),
      reason,
      by,
      says: 'gone',
    });
  }

  named<Name extends AttackEvent['name']>(name: Name): Extract<GatewayEvent, { name: Name }>[] {
    return this.events.filter((event) => event.name === name) as Extract<GatewayEvent, { name: Name }>[];
  }
}

export function times(count: number, run: (i: number) => void): void {
  for (let i = 0; i < count; i++) run(i);
}
