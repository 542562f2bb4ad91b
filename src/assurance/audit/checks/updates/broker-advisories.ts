/** Flaws of brokers by the upstream version that mends them, for brokers that no distribution keeps: as of one day, from the projects' own advisories. */
import type { BrokerName } from '../../host/broker-processes.ts';

export interface Advisory {
  readonly id: string;
  readonly broker: BrokerName;
  /** First version with the flaw. */
  readonly from: string;
  /** First version without it. */
  readonly fixed: string;
}

export const ADVISORIES_MADE = '2026-11-01';

/** Mosquitto's security pages, 2.x. */
export const ADVISORIES: readonly Advisory[] = [
  { id: 'CVE-2021-28166', broker: 'mosquitto', from: '2.0.0', fixed: '2.0.10' },
  { id: 'CVE-2021-34432', broker: 'mosquitto', from: '2.0.0', fixed: '2.0.8' },
  { id: 'CVE-2021-34431', broker: 'mosquitto', from: '1.6.0', fixed: '2.0.11' },
  { id: 'CVE-2021-34434', broker: 'mosquitto', from: '2.0.0', fixed: '2.0.12' },
  { id: 'CVE-2021-41039', broker: 'mosquitto', from: '1.6.0', fixed: '2.0.12' },
  { id: 'CVE-2023-0809', broker: 'mosquitto', from: '1.0.0', fixed: '2.0.16' },
  { id: 'CVE-2023-3592', broker: 'mosquitto', from: '1.0.0', fixed: '2.0.16' },
  { id: 'CVE-2023-28366', broker: 'mosquitto', from: '1.3.2', fixed: '2.0.16' },
  { id: 'CVE-2024-3935', broker: 'mosquitto', from: '2.0.0', fixed: '2.0.19' },
  { id: 'CVE-2024-8376', broker: 'mosquitto', from: '1.0.0', fixed: '2.0.19' },
  { id: 'CVE-2024-10525', broker: 'mosquitto', from: '1.3.2', fixed: '2.0.19' },
];
