/** What is audited: a host, a configuration, an endpoint. */

export const TARGET_KINDS = [
  'host',
  'attestations',
  'mosquitto',
  'emqx',
  'hivemq',
  'gateway',
  'tls',
  'mqtt',
  'scanner-report',
] as const;
export type TargetKind = (typeof TARGET_KINDS)[number];

export interface Target {
  readonly kind: TargetKind;
  /**
   * Stable between runs and machines that run the same thing, such as `host` or `mosquitto:/etc/mosquitto/mosquitto.conf`: waivers and
   * baselines refer to it.
   */
  readonly id: string;
  /** For people. */
  readonly label: string;
  /** Where it is: a path as the audited system sees it, or a URL. */
  readonly place: string;
  /** What only targets of its kind have, as its subject has checked it; never in a report. */
  readonly options?: Readonly<Record<string, unknown>>;
}

/** A target as most kinds have it: known by its place. */
export function placedTarget(kind: TargetKind, place: string, options?: Target['options']): Target {
  return {
    kind,
    id: `${kind}:${place}`,
    label: `${kind} ${place}`,
    place,
    ...(options === undefined ? {} : { options }),
  };
}
