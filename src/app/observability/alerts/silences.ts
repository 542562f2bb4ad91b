/** Silences: alerts that nobody is to be told of until some time, by whose word and why. They survive a restart. */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { Clock } from '../../../base/clock.ts';
import type { Emit } from '../../../base/events.ts';
import { nearestHint } from '../../../base/nearest-word.ts';
import { matchesWildcard } from '../../../base/wildcard.ts';
import { OperatorError } from '../../config/problem.ts';
import { ALERTS } from '../alert-catalogue.ts';
import { type Alert, LABELS, type Label, labelsOf } from './alert.ts';

/** One label of an alert: `=` is, `!=` is not; `*` stands for anything. */
export interface Matcher {
  readonly label: Label;
  readonly isEqual: boolean;
  readonly value: string;
}

export interface Silence {
  readonly id: string;
  readonly matchers: readonly Matcher[];
  readonly createdAtMs: number;
  readonly untilMs: number;
  readonly by: string;
  readonly reason: string;
}

export const SILENCES_MAX = 500;
const MATCHERS_MAX = 8;
const VALUE_LENGTH_MAX = 512;
const REASON_LENGTH_MAX = 300;
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;
const FORM = 1;
const FILE_SIZE_MAX_BYTES = 8 * 1024 * 1024;

/** Of labels whose values are none but these. */
const KNOWN_VALUES: Partial<Readonly<Record<(typeof LABELS)[number], readonly string[]>>> = {
  alert: ALERTS.map(({ name }) => name),
  severity: [...new Set(ALERTS.map(({ severity }) => severity))],
};

/** @throws {OperatorError} that says what is wrong with the text. */
export function parseMatcher(text: string): Matcher {
  const match = /^([A-Za-z]+)(!?=)(.*)$/s.exec(text);
  if (match === null) {
    throw new OperatorError(
      `"${text.slice(0, 60)}" is no matcher: give one such as alert=SallyportBruteForce or subject=192.0.2.*.`,
    );
  }
  const [, name = '', sign, value = ''] = match;
  const label = LABELS.find((known) => known === name);
  if (label === undefined) {
    throw new OperatorError(`Alerts have no label "${name.slice(0, 60)}"; ${nearestHint(name, LABELS)}`);
  }
  if (value.length > VALUE_LENGTH_MAX) throw new OperatorError(`A value has at most ${VALUE_LENGTH_MAX} characters.`);
  const known = KNOWN_VALUES[label];
  if (known !== undefined && !known.some((one) => matchesWildcard(value, one))) {
    // A silence that holds nothing back would be taken for one that does.
    throw new OperatorError(`No ${label} is called "${value.slice(0, 60)}"; ${nearestHint(value, known)}`);
  }
  return { label, isEqual: sign === '=', value };
}

export function matcherText({ label, isEqual, value }: Matcher): string {
  return `${label}${isEqual ? '=' : '!='}${value}`;
}

export function isMatched({ matchers }: Pick<Silence, 'matchers'>, alert: Alert): boolean {
  const labels = labelsOf(alert);
  return matchers.every(({ label, isEqual, value }) => matchesWildcard(value, labels[label]) === isEqual);
}

export interface SilencesOptions {
  readonly path: string;
  readonly clock: Clock;
  readonly emit: Emit;
  /** Of a new silence. */
  readonly newId: () => string;
}

export interface NewSilence {
  readonly matchers: readonly string[];
  readonly durationMs: number;
  readonly by: string;
  readonly reason: string;
}

export class Silences {
  readonly #options: SilencesOptions;
  #silences: readonly Silence[];

  /** A file that makes no sense is set aside, and told. */
  constructor(options: SilencesOptions) {
    this.#options = options;
    this.#silences = this.#read();
  }

  #read(): readonly Silence[] {
    const { path, emit } = this.#options;
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw new OperatorError(`The silences in ${path} cannot be read: ${(error as Error).message}.`);
    }
    const silences = parseSilences(text);
    if (silences !== undefined) return silences;
    const aside = `${path}.damaged`;
    renameSync(path, aside);
    emit({ name: 'storage.damaged', path, rows: 1, says: `it is kept as ${aside}; no silence is in force` });
    return [];
  }

  /** Those in force, the first to end first. */
  list(): Silence[] {
    const nowMs = this.#options.clock.epochMs();
    return this.#silences.filter(({ untilMs }) => untilMs > nowMs).sort((a, b) => a.untilMs - b.untilMs);
  }

  isSilenced(alert: Alert): boolean {
    const nowMs = this.#options.clock.epochMs();
    return this.#silences.some((silence) => silence.untilMs > nowMs && isMatched(silence, alert));
  }

  /** @throws {OperatorError} where it says nothing, or too much, or cannot be kept. */
  add({ matchers, durationMs, by, reason }: NewSilence): Silence {
    if (matchers.length === 0) throw new OperatorError('Say what is to be silent, such as alert=SallyportBruteForce.');
    if (matchers.length > MATCHERS_MAX) throw new OperatorError(`A silence has at most ${MATCHERS_MAX} matchers.`);
    if (reason.trim() === '') throw new OperatorError('Say why, for those who wonder at the silence.');
    if (reason.length > REASON_LENGTH_MAX || CONTROL.test(reason)) {
      throw new OperatorError(`A reason is one line of at most ${REASON_LENGTH_MAX} characters.`);
    }
    const kept = this.list();
    if (kept.length >= SILENCES_MAX)
      throw new OperatorError(`There are ${SILENCES_MAX} silences already: take some back.`);
    const createdAtMs = this.#options.clock.epochMs();
    const silence: Silence = {
      id: this.#options.newId(),
      matchers: matchers.map(parseMatcher),
      createdAtMs,
      untilMs: createdAtMs + durationMs,
      by,
      reason,
    };
    this.#write([...kept, silence]);
    return silence;
  }

  /** @throws {OperatorError} where there is none of this name. */
  remove(id: string): Silence {
    const kept = this.list();
    const silence = kept.find((one) => one.id === id);
    if (silence === undefined) {
      throw new OperatorError(`There is no silence "${id.slice(0, 60)}"; \`sallyport alert silences\` lists them.`);
    }
    this.#write(kept.filter((one) => one !== silence));
    return silence;
  }

  #write(silences: readonly Silence[]): void {
    const { path } = this.#options;
    const beside = `${path}.new`;
    try {
      writeFileSync(beside, `${JSON.stringify({ form: FORM, silences }, null, 2)}\n`, { mode: 0o600, flush: true });
      renameSync(beside, path);
    } catch (error) {
      rmSync(beside, { force: true });
      throw new OperatorError(
        `The silences cannot be kept in ${path}: ${(error as Error).message}. Nothing was changed.`,
      );
    }
    this.#silences = silences;
  }
}

/** Undefined where the text is not what {@link Silences} writes. */
function parseSilences(text: string): readonly Silence[] | undefined {
  let value: unknown;
  try {
    value = text.length > FILE_SIZE_MAX_BYTES ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
  const { form, silences } = (value ?? {}) as { form?: unknown; silences?: unknown };
  if (form !== FORM || !Array.isArray(silences) || silences.length > SILENCES_MAX) return undefined;
  return silences.every(isSilence) ? silences : undefined;
}

function isSilence(value: unknown): value is Silence {
  const { id, matchers, createdAtMs, untilMs, by, reason } = (value ?? {}) as Partial<Record<keyof Silence, unknown>>;
  return (
    [id, by, reason].every((text) => typeof text === 'string') &&
    Number.isFinite(createdAtMs) &&
    Number.isFinite(untilMs) &&
    Array.isArray(matchers) &&
    matchers.length > 0 &&
    matchers.every((matcher: Partial<Matcher> | null) => {
      const { label, isEqual, value: wanted } = matcher ?? {};
      return LABELS.includes(label as Label) && typeof isEqual === 'boolean' && typeof wanted === 'string';
    })
  );
}
