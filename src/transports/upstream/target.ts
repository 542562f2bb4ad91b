/** One broker of an upstream: where it is, whether it can be used, and who uses it. */
import { createSecureContext, type SecureContext } from 'node:tls';
import type { TargetOptions } from './upstream-options.ts';

/** What an operator has said of it. `draining` takes nobody new, `ejected` has also let go of those it had. */
export type Service = 'in service' | 'draining' | 'ejected';

/** A link as its target and its upstream know it. */
export interface TargetLink {
  readonly target: Target | undefined;
  /** The client has come again, and to another target. */
  takenOver(): void;
  /** Bytes that wait to be sent to the broker. */
  waitingBytes(): number;
  /** The operator wants it to end. */
  evict(): void;
}

export class Target {
  options: TargetOptions;
  service: Service = 'in service';
  /** By active check; undefined before the first. */
  healthy: boolean | undefined;
  /** Passively ejected until then; 0: not. */
  ejectedUntilMs = 0;
  /** When it came back; its share grows from there. */
  returnedAtMs = Number.NEGATIVE_INFINITY;
  /** 0 to 1: less than the whole while it starts slowly. */
  share = 1;
  /** Whether it speaks MQTT 5; undefined before it was asked. */
  speaks5: boolean | undefined;
  /** What went wrong last. */
  says = '';
  readonly links = new Set<TargetLink>();
  tlsSession: Buffer | undefined;
  /** Connections made so far, and how long they took in all. */
  dials = 0;
  dialMs = 0;
  #secureContext: SecureContext | undefined;

  constructor(options: TargetOptions) {
    this.options = options;
  }

  get name(): string {
    return this.options.url;
  }

  get weight(): number {
    return this.options.weight;
  }

  /** New settings count for the next connection. */
  update(options: TargetOptions): void {
    this.options = options;
    this.#secureContext = undefined;
    this.tlsSession = undefined;
  }

  /** Connections, those under way included. */
  get connections(): number {
    return this.links.size;
  }

  /** Made once: it parses certificates and keys. */
  secureContext(): SecureContext {
    const { caPem, certificatePem, keyPem, passphrase } = this.options.tls ?? {};
    this.#secureContext ??= createSecureContext({
      minVersion: 'TLSv1.2',
      ...(caPem === undefined ? {} : { ca: caPem }),
      ...(certificatePem === undefined ? {} : { cert: certificatePem }),
      ...(keyPem === undefined ? {} : { key: keyPem }),
      ...(passphrase === undefined ? {} : { passphrase }),
    });
    return this.#secureContext;
  }
}
