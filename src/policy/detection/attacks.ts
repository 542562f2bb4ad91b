/** The attacks that are going on: each is told when it is recognised, now and then while it goes on, and when it is over. */
import type { GatewayEvent } from '../../base/events.ts';
import type { Detection, Origin, Responder, Response, SubjectKind } from './detection.ts';
import type { Contract, DetectorSettings, Finding } from './detector.ts';
import { exampleOf, subjectText } from './evidence.ts';

/** Attacks kept at once; of more, the one that was quiet for longest is let go. */
const ATTACKS_MAX = 10_000;
/** An attack is over when its score has decayed to this. */
const OVER = 0.5;

interface Attack {
  readonly detector: string;
  readonly kind: SubjectKind;
  readonly value: string;
  readonly sinceMs: number;
  readonly windowMs: number;
  score: number;
  scoreMax: number;
  seenMs: number;
  toldMs: number;
  toldScore: number;
  repetition: number;
}

/** An attack that goes on, for whoever asks. */
export interface OpenAttack {
  readonly detector: string;
  readonly subjectKind: SubjectKind;
  readonly subject: string;
  /** Count over threshold, as it has decayed to, and the most that it was. */
  readonly score: number;
  readonly scoreMax: number;
  /** For so long it goes on. */
  readonly ageMs: number;
}

export interface AttacksOptions {
  readonly emit: (event: GatewayEvent) => void;
  readonly responder: Responder;
  readonly repeatAfterMs: () => number;
}

export class Attacks {
  readonly #options: AttacksOptions;
  readonly #open = new Map<string, Attack>();
  #isFullTold = false;

  constructor(options: AttacksOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#open.size;
  }

  /** Takes what a detector found, and tells it where it is news. */
  take(contract: Contract, settings: DetectorSettings, finding: Finding, nowMs: number): void {
    const { subject, windowMs } = finding;
    const score = scoreOf(finding);
    const key = `${contract.name} ${subject.kind} ${subject.value}`;
    let attack = this.#open.get(key);
    if (attack === undefined) {
      attack = this.#begin(key, contract.name, finding, nowMs);
    } else {
      attack.score = score;
      attack.scoreMax = Math.max(attack.scoreMax, score);
      attack.seenMs = nowMs;
      const repeatAfterMs = Math.max(this.#options.repeatAfterMs(), windowMs);
      if (score < 2 * attack.toldScore && nowMs - attack.toldMs < repeatAfterMs) return;
    }
    attack.repetition++;
    attack.toldMs = nowMs;
    attack.toldScore = score;
    this.#tell(contract, settings, finding, attack.repetition);
  }

  #begin(key: string, detector: string, finding: Finding, nowMs: number): Attack {
    if (this.#open.size >= ATTACKS_MAX) this.#letGo();
    const { subject, windowMs } = finding;
    const score = scoreOf(finding);
    const attack: Attack = {
      detector,
      kind: subject.kind,
      value: subject.value,
      sinceMs: nowMs,
      windowMs,
      score,
      scoreMax: score,
      seenMs: nowMs,
      toldMs: nowMs,
      toldScore: score,
      repetition: 0,
    };
    this.#open.set(key, attack);
    return attack;
  }

  /** The first is the one that began first. */
  #letGo(): void {
    const [oldest] = this.#open;
    if (oldest !== undefined) this.#open.delete(oldest[0]);
    if (this.#isFullTold) return;
    this.#isFullTold = true;
    this.#options.emit({
      name: 'ceiling.reached',
      ceiling: 'detection.attacksMax',
      limit: ATTACKS_MAX,
      says: 'more attacks go on at once than are kept; the end of the oldest is not told',
    });
  }

  #tell(contract: Contract, settings: DetectorSettings, finding: Finding, repetition: number): void {
    const detection = detectionOf(contract, settings, finding, repetition);
    this.#options.emit(eventOf(detection));
    this.#options.responder.respond(detection);
  }

  /** Tells the end of what has decayed; called now and then. */
  settle(nowMs: number): void {
    for (const [key, attack] of this.#open) {
      if (decayed(attack, nowMs) > OVER) continue;
      this.#open.delete(key);
      const { detector, kind, value, sinceMs, scoreMax } = attack;
      this.#options.emit({
        name: 'attack.ended',
        detector,
        subjectKind: kind,
        subject: value,
        durationMs: Math.round(nowMs - sinceMs),
        scoreMax: rounded(scoreMax),
      });
    }
    if (this.#open.size < ATTACKS_MAX) this.#isFullTold = false;
  }

  /** The highest scores first, at most `countMax` of them. */
  list(nowMs: number, countMax: number): OpenAttack[] {
    return [...this.#open.values()]
      .map((attack) => ({ attack, score: decayed(attack, nowMs) }))
      .sort((a, b) => b.score - a.score)
      .slice(0, countMax)
      .map(({ attack: { detector, kind, value, scoreMax, sinceMs }, score }) => ({
        detector,
        subjectKind: kind,
        subject: value,
        score: rounded(score),
        scoreMax: rounded(scoreMax),
        ageMs: Math.round(nowMs - sinceMs),
      }));
  }

  /** Forgets those of one detector, which has been switched off or set anew. */
  forget(detector: string): void {
    for (const [key, attack] of this.#open) if (attack.detector === detector) this.#open.delete(key);
  }
}

function decayed({ score, seenMs, windowMs }: Attack, nowMs: number): number {
  return score * 2 ** (-(nowMs - seenMs) / windowMs);
}

function scoreOf({ count, threshold }: Finding): number {
  return Math.max(1, count / threshold);
}

const HARMLESS: readonly Response[] = ['log', 'alert'];

function detectionOf(contract: Contract, settings: DetectorSettings, finding: Finding, repetition: number): Detection {
  const { subject, isCulprit, count, threshold, windowMs, does, examples, origin } = finding;
  const { name, severity, metric, technique } = contract;
  const harmless = settings.responses.filter((response) => HARMLESS.includes(response));
  const victims: readonly Response[] = harmless.length === 0 ? ['alert'] : harmless;
  return Object.freeze({
    detector: name,
    subject,
    score: scoreOf(finding),
    severity,
    ...(metric === undefined ? {} : { metric }),
    technique,
    says: `${subjectText(subject)} ${does}.`,
    evidence: { count: rounded(count), threshold: rounded(threshold), windowMs, examples: examples.map(exampleOf) },
    origin: originOf(origin),
    responses: isCulprit ? settings.responses : victims,
    repetition,
  });
}

/** What was seen may be a whole event: only this is kept of it. */
function originOf({ connectionId, listener, address, clientId, username }: Origin): Origin {
  return {
    ...(connectionId === undefined ? {} : { connectionId }),
    ...(listener === undefined ? {} : { listener }),
    ...(address === undefined ? {} : { address }),
    ...(clientId === undefined ? {} : { clientId }),
    ...(username === undefined ? {} : { username }),
  };
}

function eventOf(detection: Detection): GatewayEvent {
  const { detector, subject, score, severity, metric, technique, says, evidence, origin, responses, repetition } =
    detection;
  return {
    name: 'attack.detected',
    detector,
    subjectKind: subject.kind,
    subject: subject.value,
    score: rounded(score),
    severity,
    ...(metric === undefined ? {} : { metric }),
    technique,
    says,
    count: evidence.count,
    threshold: evidence.threshold,
    windowMs: evidence.windowMs,
    examples: evidence.examples,
    responses,
    repetition,
    ...origin,
  };
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}
