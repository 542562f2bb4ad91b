/** What stands between the accept and the first packet, shared by all listeners of a process: half-open connections, handshakes, the waiting room. */
import type { Clock } from '../base/clock.ts';
import { HalfOpen } from './half-open.ts';
import { HandshakeBudget } from './handshake-budget.ts';
import { WaitingRoom } from './waiting-room.ts';

export interface AdmissionOptions {
  /** Connections without a CONNACK. */
  readonly halfOpenMax: number;
  /** Of them, from one IPv4 address or IPv6 /64. */
  readonly halfOpenPerAddressMax: number;
  /** TLS handshakes under way. */
  readonly tlsHandshakesMax: number;
  /** TLS handshakes that wait to begin. */
  readonly tlsHandshakesWaitingMax: number;
  /** Connections that wait while the gateway is overloaded. */
  readonly waitingMax: number;
}

export const ADMISSION_DEFAULTS: AdmissionOptions = Object.freeze({
  halfOpenMax: 8192,
  halfOpenPerAddressMax: 8192,
  tlsHandshakesMax: 64,
  tlsHandshakesWaitingMax: 8192,
  waitingMax: 8192,
});

export class Admission {
  readonly halfOpen: HalfOpen;
  readonly handshakes: HandshakeBudget;
  readonly room: WaitingRoom;

  /** `isKnown`: whether known-good clients came from this address. */
  constructor(options: AdmissionOptions, clock: Clock, isKnown: (address: string) => boolean = () => false) {
    this.halfOpen = new HalfOpen(halfOpenOptions(options), isKnown);
    this.handshakes = new HandshakeBudget(handshakeOptions(options), clock, isKnown);
    this.room = new WaitingRoom(options, clock, isKnown);
  }

  /** New ceilings, for those who come from now on. */
  configure(options: AdmissionOptions): void {
    this.halfOpen.options = halfOpenOptions(options);
    this.handshakes.options = handshakeOptions(options);
    this.room.options = options;
  }
}

function halfOpenOptions({ halfOpenMax, halfOpenPerAddressMax }: AdmissionOptions) {
  return { max: halfOpenMax, perAddressMax: halfOpenPerAddressMax };
}

function handshakeOptions({ tlsHandshakesMax, tlsHandshakesWaitingMax }: AdmissionOptions) {
  return { runningMax: tlsHandshakesMax, waitingMax: tlsHandshakesWaitingMax };
}
