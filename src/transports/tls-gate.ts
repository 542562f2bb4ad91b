/** The TLS side of a listener: handshakes over sockets that were accepted elsewhere, with material that can be swapped. */
import { createHmac } from 'node:crypto';
import { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket, type TlsOptions } from 'node:tls';
import type { Clock, Timer } from '../base/clock.ts';
import type { CertificateFacts, PresharedKeyFacts } from '../policy/identity/identity.ts';
import { certificateFacts } from '../policy/identity/x509/certificate-facts.ts';
import { weaknessOf } from '../policy/identity/x509/key-quality.ts';
import type { PskOptions } from './listener-options.ts';
import type { TlsMaterial } from './tls-context.ts';
import { handshakeReason, pskReason, verificationReason } from './tls-reason.ts';

/** How the client has proven itself to TLS. */
export interface Shown {
  readonly certificate?: CertificateFacts;
  readonly presharedKey?: PresharedKeyFacts;
}

const NOTHING: Shown = Object.freeze({});

/** Somebody who waits for a handshake; one of the two is called, at most once. */
export interface Handshake {
  onSecure(socket: TLSSocket, shown: Shown): void;
  onInsecure(says: string): void;
}

interface UnderWay {
  readonly handshake: Handshake;
  readonly raw: Socket;
  /** Hears that it closes. */
  readonly onClose: () => void;
}

/** Its digest has the length of the runtime's ticket keys: 48 bytes. */
const TICKET_KEY_DIGEST = 'sha384';

export interface TlsGateServices {
  readonly clock: Clock;
  /** Processes that share the port are given the same, so that each resumes the others' sessions. */
  readonly ticketSecret: Uint8Array;
  /** The OCSP response for one of our certificates, where there is one. */
  readonly stapleFor?: (certificate: Buffer) => Buffer | undefined;
}

export class TlsGate {
  readonly #server: Server;
  readonly #clock: Clock;
  readonly #ticketSecret: Uint8Array;
  readonly #stapleFor: (certificate: Buffer) => Buffer | undefined;
  /** Handshakes under way. The runtime hands back another socket than it was given, which has the same addresses. */
  readonly #handshakes = new Map<string, UnderWay>();
  /** What clients say who they are in a handshake with a pre-shared key; without a credential there is no such identity. */
  readonly #offered = new WeakMap<TLSSocket, { identity: string; credential: string | undefined }>();
  #material: TlsMaterial;
  #rotation: Timer;
  /** How many there were, by result and version, such as `ok TLSv1.3`; of one that failed early nobody knows the version. */
  readonly tally = new Map<string, number>();

  constructor(material: TlsMaterial, alpn: string, { clock, ticketSecret, stapleFor }: TlsGateServices) {
    this.#material = material;
    this.#stapleFor = stapleFor ?? (() => undefined);
    this.#clock = clock;
    this.#ticketSecret = ticketSecret;
    this.#server = createServer({
      ...material.primary,
      ticketKeys: this.#ticketKey(),
      // A client that offers protocols must offer ours, so that nobody can pass a handshake with another service off as one with
      // this one (ALPACA). Many MQTT clients offer none, and are welcome.
      // By a call, because the runtime copies a list for each connection, and keeps the copy.
      ALPNCallback: ({ protocols }) => (protocols.includes(alpn) ? alpn : undefined),
      SNICallback: (serverName, done) => done(null, this.#material.contextFor(serverName)),
      requestCert: material.clientCertificate !== 'none',
      // Certificates are judged in `#onSecure`, where the reason can be told; the runtime would close without one.
      rejectUnauthorized: false,
      ...(material.psk === undefined ? {} : this.#pskOptions(material.psk)),
      // None: the listener's own deadline spans more than the handshake. (0 would be the runtime's default.)
      handshakeTimeout: -1,
    });
    this.#server.on('secureConnection', (socket) => this.#onSecure(socket));
    this.#server.on('tlsClientError', (error, socket) => this.#onError(error, socket));
    this.#rotation = this.#armRotation();
    this.#heedStapling();
  }

  /** The runtime asks only where somebody listens, and pays for the question in each handshake. */
  #heedStapling(): void {
    this.#server.removeAllListeners('OCSPRequest');
    if (!this.#material.ocspStapling) return;
    this.#server.on('OCSPRequest', (certificate, _issuer, done) => done(null, this.#stapleFor(certificate) ?? null));
  }

  #pskOptions({ identityHint }: PskOptions): TlsOptions {
    return {
      // The runtime takes no other hint later: a new one needs the listener to be opened anew.
      ...(identityHint === undefined ? {} : { pskIdentityHint: identityHint }),
      pskCallback: (socket, identity) => {
        const known = this.#material.psk?.file.keys.get(identity);
        this.#offered.set(socket, { identity, credential: known?.credential });
        return known?.key ?? this.#decoyKey(identity);
      },
    };
  }

  /** What an unknown identity is checked against, so that it fails like a wrong key: at the end of the handshake. */
  #decoyKey(identity: string): Uint8Array {
    return createHmac('sha256', this.#ticketSecret).update(`psk ${identity}`).digest();
  }

  /** Starts a handshake over a socket of which `first` was read already. */
  secure(raw: Socket, first: Buffer, handshake: Handshake): void {
    const key = keyOf(raw);
    const onClose = (): void => {
      if (this.#handshakes.get(key)?.raw === raw) this.#handshakes.delete(key);
    };
    this.#handshakes.set(key, { handshake, raw, onClose });
    raw.on('close', onClose);
    // Half-open sockets are for what is spoken inside: a client that leaves amid the handshake is gone.
    raw.allowHalfOpen = false;
    raw.unshift(first);
    raw.read = readInPieces;
    this.#server.emit('connection', raw);
  }

  /**
   * From now on handshakes use the new material; connections that are through theirs do not notice. Where trust changed,
   * sessions agreed on under the old one cannot be resumed, for a resumed session skips the check of the certificate.
   */
  swap(material: TlsMaterial): void {
    const rotationChanged = material.ticketRotationMs !== this.#material.ticketRotationMs;
    this.#material = material;
    this.#heedStapling();
    this.#server.setSecureContext({ ...material.primary, ticketKeys: this.#ticketKey() });
    // The runtime reads this property anew at each connection, as it does the context.
    (this.#server as Server & { requestCert: boolean }).requestCert = material.clientCertificate !== 'none';
    if (!rotationChanged) return;
    this.#rotation.cancel();
    this.#rotation = this.#armRotation();
  }

  close(): void {
    this.#rotation.cancel();
  }

  /** The key of now: another with each period, and with each change of trust. */
  #ticketKey(): Buffer {
    const { ticketRotationMs, trustKey } = this.#material;
    const period = Math.floor(this.#clock.epochMs() / ticketRotationMs);
    return createHmac(TICKET_KEY_DIGEST, this.#ticketSecret)
      .update(`${period} ${ticketRotationMs} ${trustKey}`)
      .digest();
  }

  /** The runtime holds one ticket key: tickets sealed with the one before it fall back to a full handshake. */
  #armRotation(): Timer {
    const { ticketRotationMs } = this.#material;
    return this.#clock.after(ticketRotationMs - (this.#clock.epochMs() % ticketRotationMs), () => {
      this.#server.setTicketKeys(this.#ticketKey());
      this.#rotation = this.#armRotation();
    });
  }

  #take(socket: TLSSocket): Handshake | undefined {
    const key = keyOf(socket);
    const underWay = this.#handshakes.get(key);
    this.#handshakes.delete(key);
    if (underWay === undefined) return undefined;
    // Nothing of the handshake stays with the connection, nor what the runtime waits for that has happened before.
    underWay.raw.removeListener('close', underWay.onClose);
    underWay.raw.removeAllListeners('connect');
    return underWay.handshake;
  }

  #onSecure(socket: TLSSocket): void {
    const taken = this.#take(socket);
    if (taken === undefined) {
      // The client was gone before its addresses could be asked for.
      socket.destroy();
      return;
    }
    const handshake = this.#counted(taken, socket.getProtocol() ?? 'none');
    socket.disableRenegotiation();
    socket.allowHalfOpen = true;
    if (this.#material.psk !== undefined) {
      const { identity, credential } = this.#offered.get(socket) ?? {};
      // INVARIANT: nobody knows the decoy, and without a key no handshake ends well.
      if (identity === undefined || credential === undefined) handshake.onInsecure('no pre-shared key was proven');
      else handshake.onSecure(socket, { presharedKey: { identity, credential } });
      return;
    }
    const demand = this.#material.clientCertificate;
    if (demand === 'none') {
      handshake.onSecure(socket, NOTHING);
      return;
    }
    const certificate = socket.getPeerX509Certificate();
    if (certificate === undefined) {
      if (demand === 'request') handshake.onSecure(socket, NOTHING);
      else handshake.onInsecure('the client shows no certificate, and this listener requires one');
      return;
    }
    // It comes first, because OpenSSL knows no code for what is wrong with a weak key.
    const weakness = weaknessOf(certificate);
    if (weakness !== undefined) {
      handshake.onInsecure(`the client certificate is too weak: ${weakness}`);
    } else if (!socket.authorized) {
      handshake.onInsecure(verificationReason(String(socket.authorizationError ?? '')));
    } else if (certificate.validToDate.getTime() <= this.#clock.epochMs()) {
      // A resumed session repeats the verdict of its first handshake, in which the certificate may still have been good.
      handshake.onInsecure(verificationReason('CERT_HAS_EXPIRED'));
    } else {
      const facts = certificateFacts(certificate);
      if (facts === undefined) handshake.onInsecure('the client certificate is not as RFC 5280 has it');
      else handshake.onSecure(socket, { certificate: facts });
    }
  }

  /** One that is counted when it is told how it went. */
  #counted(handshake: Handshake, version: string): Handshake {
    const count = (result: 'ok' | 'failed'): void => {
      const key = `${result} ${version}`;
      this.tally.set(key, (this.tally.get(key) ?? 0) + 1);
    };
    return {
      onSecure: (socket, shown) => {
        count('ok');
        handshake.onSecure(socket, shown);
      },
      onInsecure: (says) => {
        count('failed');
        handshake.onInsecure(says);
      },
    };
  }

  #onError(error: NodeJS.ErrnoException, socket: TLSSocket): void {
    const isPsk = this.#material.psk !== undefined;
    const taken = this.#take(socket);
    if (taken === undefined) return;
    this.#counted(taken, 'none').onInsecure(
      isPsk ? pskReason(error, this.#offered.get(socket)?.identity) : handshakeReason(error),
    );
  }
}

const PIECE_MAX_BYTES = 1000;

/**
 * What was read already goes to OpenSSL in pieces that leave room in the runtime's first buffer for what is encrypted, of 1 KB: one
 * that is filled to the brim gets another of 16 KB behind it, for as long as the connection lasts.
 */
function readInPieces(this: Socket, size?: number): unknown {
  const pieceSize = size ?? (this.readableLength > PIECE_MAX_BYTES ? PIECE_MAX_BYTES : undefined);
  return Socket.prototype.read.call(this, pieceSize);
}

function keyOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress}`;
}
