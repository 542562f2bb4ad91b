/** Everything that decides about one listener's connections, as one frozen value that a reload swaps whole. */
import type { DecodeRules } from '../mqtt/rules.ts';
import type { ProtocolVersion } from '../mqtt/wire.ts';
import type { Authorizer } from '../policy/authorization/decision.ts';
import type { BanIndex } from '../policy/detection/bans/ban-index.ts';
import type { Quarantine } from '../policy/detection/quarantine.ts';
import type { VirtualPatches } from '../policy/detection/virtual-patches.ts';
import type { CertificateGuard } from '../policy/identity/certificate-guard.ts';
import type { ClientIdRules } from '../policy/identity/client-id-rules.ts';
import type { Authenticator } from '../policy/identity/identity.ts';
import type { IdentityTemplate } from '../policy/identity/identity-template.ts';

/** Ceilings of one connection. Each is named in the refusal that it causes, as `limit:<name>`. */
export interface ConnectionLimits {
  /** From the hand-over by the listener to a whole CONNECT, and again from CONNECT to CONNACK. */
  readonly connectTimeoutMs: number;
  /** Longest keep-alive; a client that asks for more, or for none, gets this one. */
  readonly keepAliveMaxS: number;
  /** Of a client that is not authenticated yet; where it is more than what all may send, that counts. */
  readonly connectSizeMaxBytes: number;
  readonly packetSizeMaxBytes: number;
  /** Of a topic name or filter, in UTF-8 bytes. */
  readonly topicLengthMaxBytes: number;
  /** Levels of a topic name or filter. */
  readonly topicDepthMax: number;
  readonly filtersPerSubscribeMax: number;
  readonly subscriptionsPerClientMax: number;
  /** QoS 1 and 2 messages from the client that are not yet acknowledged: v5 Receive Maximum. */
  readonly inflightMax: number;
  readonly topicAliasMax: number;
  readonly clientIdLengthMaxBytes: number;
  /** As a CONNECT shows it: whoever fails to log in is remembered by it. */
  readonly usernameLengthMaxBytes: number;
  /** Payload of a Will. */
  readonly willSizeMaxBytes: number;
  /** Topics on which one client may have retained messages, and the bytes of their payloads; infinite where it is not limited. */
  readonly retainedMessagesMax: number;
  readonly retainedBytesMax: number;
  /** Output that waits for a slow reader before deliveries are held. */
  readonly outputBufferMaxBytes: number;
  /** How long deliveries may be held, or the client may read nothing at all, before the connection is closed. */
  readonly slowReaderTimeoutMs: number;
  /** The pace at which a packet that has begun has to come; 0 is none. */
  readonly receiveRateMinBytesPerS: number;
  /** How long a client may do nothing but ping before it has published or subscribed; infinite is no such bound. */
  readonly pingOnlyMaxMs: number;
}

/** What a 3.x client, which has no reason codes, sees of a denied PUBLISH. */
export type DeniedPublish = 'disconnect' | 'acknowledge';

export interface QuarantinePolicy {
  readonly confined: Quarantine;
  readonly authorizer: Authorizer;
  readonly hasDecoy: boolean;
}

export interface ConnectionPolicy {
  /** Grows with each reload; what was decided under an older one is decided anew. */
  readonly generation: number;
  readonly protocolVersions: readonly ProtocolVersion[];
  readonly limits: ConnectionLimits;
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
  readonly anonymousAllowed: boolean;
  /** How a user name is made of a verified client certificate, where it is. */
  readonly certificateIdentity: IdentityTemplate | undefined;
  /** Where clients show certificates: what those have to be beyond what TLS verifies. */
  readonly certificateGuard?: CertificateGuard | undefined;
  /** Who is shut out, as of now. */
  readonly bans?: BanIndex | undefined;
  /** Who is confined, as of now, what they may do, and whether they are sent to a decoy; undefined where nobody can be. */
  readonly quarantine?: QuarantinePolicy | undefined;
  /** What a client may call itself, by who it is. */
  readonly clientIds: ClientIdRules;
  readonly deniedPublish: DeniedPublish;
  /** Guards of packets that are known to bring down brokers. */
  readonly virtualPatches: VirtualPatches;
  /** What the decoder refuses beyond what the specification makes it refuse. */
  readonly decodeRules: DecodeRules;
}
