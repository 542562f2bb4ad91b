/** All detectors, in the order of the documentation. */
import type { DetectorKind, DetectorSettings } from './detector.ts';
import { type BeaconingSettings, beaconing } from './detectors/beaconing.ts';
import { type BruteForceSettings, bruteForce } from './detectors/brute-force.ts';
import { type ClientIdTakeoverSettings, clientIdTakeover } from './detectors/client-id-takeover.ts';
import { type ConnectFloodSettings, connectFlood } from './detectors/connect-flood.ts';
import { type CredentialStuffingSettings, credentialStuffing } from './detectors/credential-stuffing.ts';
import { type DistributedAttackSettings, distributedAttack } from './detectors/distributed-attack.ts';
import { type FlappingSettings, flapping } from './detectors/flapping.ts';
import { type MalformedPacketsSettings, malformedPackets } from './detectors/malformed-packets.ts';
import { type OversizedPacketsSettings, oversizedPackets } from './detectors/oversized-packets.ts';
import { type PublishFloodSettings, publishFlood } from './detectors/publish-flood.ts';
import { type Qos2HoardingSettings, qos2Hoarding } from './detectors/qos2-hoarding.ts';
import { type RetainedFloodSettings, retainedFlood } from './detectors/retained-flood.ts';
import { type SharedCredentialSettings, sharedCredential } from './detectors/shared-credential.ts';
import { type SlowConnectionsSettings, slowConnections } from './detectors/slow-connections.ts';
import { type SysProbingSettings, sysProbing } from './detectors/sys-probing.ts';
import { type TopicScanSettings, topicScan } from './detectors/topic-scan.ts';
import { type UnauthorizedAccessSettings, unauthorizedAccess } from './detectors/unauthorized-access.ts';
import { type UnusualVolumeSettings, unusualVolume } from './detectors/unusual-volume.ts';
import { type VirtualPatchesSettings, virtualPatches } from './detectors/virtual-patches.ts';
import { type WildcardHarvestingSettings, wildcardHarvesting } from './detectors/wildcard-harvesting.ts';
import { type WillAbuseSettings, willAbuse } from './detectors/will-abuse.ts';

export interface SettingsByDetector {
  readonly bruteForce: BruteForceSettings;
  readonly credentialStuffing: CredentialStuffingSettings;
  readonly unauthorizedAccess: UnauthorizedAccessSettings;
  readonly clientIdTakeover: ClientIdTakeoverSettings;
  readonly flapping: FlappingSettings;
  readonly topicScan: TopicScanSettings;
  readonly wildcardHarvesting: WildcardHarvestingSettings;
  readonly sysProbing: SysProbingSettings;
  readonly malformedPackets: MalformedPacketsSettings;
  readonly oversizedPackets: OversizedPacketsSettings;
  readonly connectFlood: ConnectFloodSettings;
  readonly distributedAttack: DistributedAttackSettings;
  readonly publishFlood: PublishFloodSettings;
  readonly qos2Hoarding: Qos2HoardingSettings;
  readonly willAbuse: WillAbuseSettings;
  readonly retainedFlood: RetainedFloodSettings;
  readonly sharedCredential: SharedCredentialSettings;
  readonly unusualVolume: UnusualVolumeSettings;
  readonly beaconing: BeaconingSettings;
  readonly slowConnections: SlowConnectionsSettings;
  readonly virtualPatches: VirtualPatchesSettings;
}

export type DetectorName = keyof SettingsByDetector;

export const DETECTORS: { readonly [Name in DetectorName]: DetectorKind<SettingsByDetector[Name]> } = {
  bruteForce,
  credentialStuffing,
  unauthorizedAccess,
  clientIdTakeover,
  flapping,
  topicScan,
  wildcardHarvesting,
  sysProbing,
  malformedPackets,
  oversizedPackets,
  connectFlood,
  distributedAttack,
  publishFlood,
  qos2Hoarding,
  willAbuse,
  retainedFlood,
  sharedCredential,
  unusualVolume,
  beaconing,
  slowConnections,
  virtualPatches,
};

export const DETECTOR_NAMES = Object.keys(DETECTORS) as DetectorName[];

/** One by its name, whatever its settings are. */
export function detectorKind(name: DetectorName): DetectorKind {
  // Settings are those of this very name wherever both meet.
  return DETECTORS[name] as DetectorKind<DetectorSettings>;
}
