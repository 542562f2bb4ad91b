/** Every check there is, in one place: a new family is a line in its subject, a new kind of target a line here. */
import { nearestWord } from '../../base/nearest-word.ts';
import { emqxSubject } from './brokers/emqx/subject.ts';
import { gatewaySubject } from './brokers/gateway/subject.ts';
import { hivemqSubject } from './brokers/hivemq/subject.ts';
import { mosquittoSubject } from './brokers/mosquitto/subject.ts';
import { attestationSubject } from './checks/awareness/awareness.ts';
import { hostSubject } from './host/host-subject.ts';
import { type CheckInfo, FAMILIES } from './model/check.ts';
import type { Subject } from './model/subject.ts';
import type { TargetKind } from './model/target.ts';
import { mqttSubject } from './probe/subject.ts';
import { CONTRADICTION } from './run/contradictions.ts';
import { scannerSubject } from './scanners/subject.ts';
import { tlsSubject } from './tls/subject.ts';

export const SUBJECTS: readonly Subject[] = [
  hostSubject,
  tlsSubject,
  attestationSubject,
  mosquittoSubject,
  emqxSubject,
  hivemqSubject,
  gatewaySubject,
  mqttSubject,
  scannerSubject,
];

export function subjectOf(kind: TargetKind): Subject {
  const subject = SUBJECTS.find((one) => one.kind === kind);
  if (subject === undefined) throw new RangeError(`nothing audits targets of kind ${kind}`);
  return subject;
}

/** In the order of the families, then of their numbers. */
export function allChecks(): CheckInfo[] {
  const order = Object.keys(FAMILIES);
  const rankOf = ({ id }: CheckInfo): number => order.indexOf(id.charAt(0)) * 1000 + Number(id.slice(1));
  const checks = [...SUBJECTS.flatMap(({ families }) => families.flatMap((family) => family.checks)), CONTRADICTION];
  return checks.sort((a, b) => rankOf(a) - rankOf(b));
}

/** The check of an identifier, or the nearest identifier where there is none. */
export function findCheck(id: string): CheckInfo | { readonly meant: string | undefined } {
  const checks = allChecks();
  const wanted = id.toUpperCase();
  const found = checks.find((check) => check.id === wanted);
  return (
    found ?? {
      meant: nearestWord(
        wanted,
        checks.map((check) => check.id),
      ),
    }
  );
}
