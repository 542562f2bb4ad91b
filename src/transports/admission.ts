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
  halfOpenMax: 2000,
  halfOpenPerAddressMax: 200,
  tlsHandshakesMax: 64,
  tlsHandshakesWaitingMax: 1024,
  waitingMax: 1024,
});

export class Admission {
  readonly halfOpen: HalfOpen;
  readonly handshakes: HandshakeBudget;
  readonly room: WaitingRoom;

  /** `isKnown`: whether known-good clients came from this address. */
  constructor(options: AdmissionOptions, clock: Clock, isKnown: (address: string) => boolean = () => false) {
    this.halfOpen = new HalfOpen(halfOpenOptions(options));
    this.handshakes = new HandshakeBudget(handshakeOptions(options), clock);
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
