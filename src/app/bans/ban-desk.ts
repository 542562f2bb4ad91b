/** What operators ask of bans, over the control socket or of what is on disk: add, remove, list, why. */
import { parseDurationMs } from '../../base/duration.ts';
import {
  type Ban,
  type BanSubject,
  isOperators,
  parseBanSubject,
  subjectText,
} from '../../policy/detection/bans/ban.ts';
import type { BanIndex } from '../../policy/detection/bans/ban-index.ts';
import { OperatorError } from '../config/problem.ts';
import type { Bans } from './bans.ts';

/** More do not fit into one answer, nor on any screen. */
const LISTED_MAX = 1000;
const REASON_MAX_CHARS = 300;
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/** A ban as commands show it. Times are ISO 8601. */
export interface BanRecord {
  readonly subject: string;
  readonly reason: string;
  readonly author: string;
  readonly createdAt: string;
  /** Null where it lasts until somebody takes it back. */
  readonly expiresAt: string | null;
  /** The how many-th of detectors; absent for an operator's. */
  readonly offence?: number;
}

export interface BanListing {
  readonly total: number;
  /** The latest first, at most a thousand. */
  readonly bans: readonly BanRecord[];
}

export interface BanReasons {
  readonly subject: string;
  /** Whether it is kept out. */
  readonly isBanned: boolean;
  /** The network of `bans.allow` that it lies in. */
  readonly allowedBy: string | null;
  /** Every ban that is meant for it, the one that answers first. */
  readonly bans: readonly BanRecord[];
}

/** @throws {OperatorError} that says what is wrong with the text. */
export function readSubject(text: string): BanSubject {
  const subject = parseBanSubject(text);
  if (typeof subject === 'string') throw new OperatorError(subject);
  return subject;
}

/** As `readSubject`; a detector may have banned a name that no operator could write, and as it is listed it is known again. */
function listedSubject(index: BanIndex, text: string): BanSubject {
  const subject = parseBanSubject(text);
  if (typeof subject !== 'string') return subject;
  for (const ban of index.bans()) if (subjectText(ban.subject) === text) return ban.subject;
  throw new OperatorError(subject);
}

function recordOf(ban: Ban, aheadMs: number): BanRecord {
  const { subject, reason, author, sinceMs, untilMs, offence } = ban;
  return {
    subject: subjectText(subject),
    reason,
    author,
    createdAt: new Date(Math.round(sinceMs + aheadMs)).toISOString(),
    expiresAt: untilMs === Number.POSITIVE_INFINITY ? null : new Date(Math.round(untilMs + aheadMs)).toISOString(),
    ...(isOperators(ban) ? {} : { offence }),
  };
}

/** `aheadMs`: what the machine's clock is ahead of the monotonic one. */
export function listBans(index: BanIndex, aheadMs: number, listedMax = LISTED_MAX): BanListing {
  const all = [...index.bans()].sort((a, b) => b.sinceMs - a.sinceMs);
  return { total: all.length, bans: all.slice(0, listedMax).map((ban) => recordOf(ban, aheadMs)) };
}

export function whyBanned(index: BanIndex, text: string, aheadMs: number): BanReasons {
  return reasonsFor(index, listedSubject(index, text), aheadMs);
}

function reasonsFor(index: BanIndex, subject: BanSubject, aheadMs: number): BanReasons {
  const bans = index.meantFor(subject);
  const allowedBy = index.allowedBy(subject) ?? null;
  return {
    subject: subjectText(subject),
    isBanned: bans.length > 0 && allowedBy === null,
    allowedBy,
    bans: bans.map((ban) => recordOf(ban, aheadMs)),
  };
}

export class BanDesk {
  readonly #bans: Bans;
  readonly #aheadMs: () => number;

  constructor(bans: Bans, aheadMs: () => number) {
    this.#bans = bans;
    this.#aheadMs = aheadMs;
  }

  /** Words: subject, duration or nothing, reason. @throws {OperatorError} where that cannot be banned. */
  add([subjectWord = '', duration = '', reason = '']: readonly string[], who: string): BanRecord {
    const subject = readSubject(subjectWord);
    const durationMs = duration === '' ? Number.POSITIVE_INFINITY : parseDurationMs(duration);
    if (durationMs === undefined || durationMs === 0) {
      throw new OperatorError(`"${duration.slice(0, 40)}" is no duration: give one such as 30m, 2h or 7d.`);
    }
    if (reason.length > REASON_MAX_CHARS || CONTROL.test(reason)) {
      throw new OperatorError(`A reason is one line of at most ${REASON_MAX_CHARS} characters.`);
    }
    const { book } = this.#bans;
    const outcome = book.add({
      subject,
      reason: reason === '' ? 'no reason was given' : reason,
      author: `operator:${who}`,
      durationMs,
    });
    if (outcome.kind === 'refused') throw new OperatorError(`${subjectText(subject)} was not banned: ${outcome.says}.`);
    this.#flush();
    return recordOf(outcome.ban, this.#aheadMs());
  }

  /** Words: subject, reason. What still keeps it out is in the answer. @throws {OperatorError} where it is not banned. */
  remove([subjectWord = '', reason = '']: readonly string[], who: string): BanReasons {
    const subject = listedSubject(this.#bans.index, subjectWord);
    const says = reason === '' ? 'no reason was given' : reason;
    const removed = this.#bans.book.remove(subject, `operator:${who}`, says);
    if (removed === undefined) {
      const [covering] = this.#bans.index.meantFor(subject);
      const hint = covering === undefined ? '' : `; it is shut out by the ban of ${subjectText(covering.subject)}`;
      throw new OperatorError(`${subjectText(subject)} is not banned itself${hint}.`);
    }
    this.#flush();
    return reasonsFor(this.#bans.index, subject, this.#aheadMs());
  }

  #flush(): void {
    if (this.#bans.flush()) return;
    throw new OperatorError(
      'It is in force, but could not be written to disk: a restart would forget it. See the log.',
    );
  }

  get count(): number {
    return this.#bans.index.size;
  }

  /** Every one, for whoever cuts pages of them. */
  all(): readonly BanRecord[] {
    return listBans(this.#bans.index, this.#aheadMs(), Number.POSITIVE_INFINITY).bans;
  }

  list(): BanListing {
    return listBans(this.#bans.index, this.#aheadMs());
  }

  why([subject = '']: readonly string[]): BanReasons {
    return whyBanned(this.#bans.index, subject, this.#aheadMs());
  }
}
