/** Audits again whenever a file that mattered has changed, a listener has come or gone, or it is time; and tells what that changed. */
import type { Clock } from '../../../base/clock.ts';
import { isAtLeast, SEVERITIES, type Severity } from '../model/severity.ts';
import type { AuditReport } from '../report/report-schema.ts';
import type { AuditedSystem } from '../system/audited-system.ts';
import { type ChangedFinding, type History, nextHistory } from './finding-history.ts';
import { ListenerWatch } from './listener-watch.ts';
import { type PathState, PathWatch } from './path-watch.ts';
import type { FindingEvent, FinishedEvent, Trigger, WatchEvent } from './watch-event.ts';

/** Files are written in several steps: an audit waits for a look that finds no further change, but not for ever. */
const SETTLING_LOOKS_MAX = 5;
const CHANGED_SHOWN = 5;

export interface Audited {
  readonly report: AuditReport;
  /** The paths that it asked for. */
  readonly paths: readonly string[];
}

export interface WatchOptions {
  readonly clock: Clock;
  /** @throws {OperatorError} for what an operator has to mend. */
  readonly audit: () => Promise<Audited>;
  /** A look that remembers nothing. */
  readonly freshSystem: () => AuditedSystem;
  readonly history: History | undefined;
  readonly onHistory: (history: History) => Promise<void>;
  readonly onEvent: (event: WatchEvent) => void;
  /** Told with each finished audit, after its events. */
  readonly onReport?: (report: AuditReport) => Promise<void>;
  /** Of findings that are told of. */
  readonly severity: Severity;
  readonly everyMs: number;
  readonly lookEveryMs: number;
  readonly unusedAfterMs: number;
  /** After so many audits it ends. */
  readonly runsMax: number;
  /** Ends it. */
  readonly signal: AbortSignal;
}

interface Cause {
  readonly trigger: Trigger;
  readonly changed: readonly PathState[];
}

export class AuditWatch {
  readonly #options: WatchOptions;
  readonly #paths = new PathWatch();
  readonly #listeners: ListenerWatch;
  #history: History | undefined;
  #areListenersUnknown = false;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#history = options.history;
    this.#listeners = new ListenerWatch(options);
  }

  /** Until the signal comes, or so many audits were made. @throws what the first audit throws: it is about the command line. */
  async run(): Promise<void> {
    const { runsMax, signal } = this.#options;
    let cause: Cause = { trigger: 'start', changed: [] };
    for (let runs = 1; ; runs++) {
      await this.#audit(cause);
      if (runs === 1) await this.#lookAtListeners();
      if (runs >= runsMax) return;
      const next = await this.#nextCause();
      if (next === undefined || signal.aborted) return;
      cause = next;
    }
  }

  async #audit({ trigger, changed }: Cause): Promise<void> {
    const { clock, audit, freshSystem, onEvent, onHistory, onReport } = this.#options;
    const startedMs = clock.epochMs();
    let audited: Audited;
    try {
      audited = await audit();
    } catch (error) {
      if (trigger === 'start' || !(error instanceof Error)) throw error;
      this.#paths.accept(changed);
      return onEvent({ event: 'audit.failed', trigger, says: error.message });
    }
    const { report, paths } = audited;
    if (trigger === 'schedule') this.#paths.rest();
    for (const path of this.#paths.noteAudit(changed, clock.nowMs()))
      onEvent({ event: 'watch.narrowed', path, says: 'changes all the time, and is left to the schedule' });
    await this.#paths.follow(freshSystem(), paths, startedMs);
    if (this.#paths.leftOut > 0)
      onEvent({
        event: 'watch.narrowed',
        says: `${this.#paths.leftOut} files more than are watched are left to the schedule`,
      });
    const { history, changes } = nextHistory(this.#history, report);
    this.#history = history;
    for (const change of changes) this.#tell(change, report);
    onEvent(finished(report, { trigger, changed }));
    try {
      await onHistory(history);
      await onReport?.(report);
    } catch (error) {
      // At the start somebody is there to mend it; later a full disk must not end the watch.
      if (trigger === 'start' || !(error instanceof Error)) throw error;
      onEvent({ event: 'audit.failed', trigger, says: error.message });
    }
  }

  #tell({ change, result }: ChangedFinding, report: AuditReport): void {
    const { severity, onEvent } = this.#options;
    // What is accepted is no news, but that it is gone is.
    if (!isAtLeast(result.severity, severity) || (change !== 'mended' && result.waiver !== undefined)) return;
    const { check, target, subject, fingerprint, evidence, says } = result;
    const event: FindingEvent = {
      event: `finding.${change}`,
      check,
      title: report.checks.find(({ id }) => id === check)?.title ?? check,
      severity: result.severity,
      target,
      ...(subject === undefined ? {} : { subject }),
      fingerprint,
      says: evidence?.observed ?? says ?? '',
    };
    onEvent(event);
  }

  /** Undefined where the signal has come. */
  async #nextCause(): Promise<Cause | undefined> {
    const { clock, everyMs, lookEveryMs, freshSystem, signal } = this.#options;
    const dueMs = clock.nowMs() + everyMs;
    let [seen, looks] = ['', 0];
    for (;;) {
      await pause(clock, Math.max(0, Math.min(lookEveryMs, dueMs - clock.nowMs())), signal);
      if (signal.aborted) return undefined;
      const haveListenersChanged = await this.#lookAtListeners();
      const changed = await this.#paths.changed(freshSystem());
      const now = JSON.stringify(changed);
      if (changed.length > 0 && (now === seen || ++looks > SETTLING_LOOKS_MAX)) return { trigger: 'files', changed };
      if (haveListenersChanged) return { trigger: 'listeners', changed };
      if (clock.nowMs() >= dueMs) return { trigger: 'schedule', changed };
      seen = now;
    }
  }

  /** Whether any have come or gone. */
  async #lookAtListeners(): Promise<boolean> {
    const { onEvent, freshSystem } = this.#options;
    const events = await this.#listeners.look(freshSystem());
    if (events.state !== 'known') {
      if (!this.#areListenersUnknown && events.state === 'unknown')
        onEvent({ event: 'watch.narrowed', says: `listeners are not watched: ${events.says}` });
      this.#areListenersUnknown = true;
      return false;
    }
    this.#areListenersUnknown = false;
    for (const event of events.value) onEvent(event);
    return events.value.some(({ event }) => event !== 'listener.unused');
  }
}

function finished(report: AuditReport, { trigger, changed }: Cause): FinishedEvent {
  const open = report.results.filter(({ status, waiver }) => status === 'fail' && waiver === undefined);
  const counts = SEVERITIES.map((severity) => [severity, open.filter((one) => one.severity === severity).length]);
  return {
    event: 'audit.finished',
    trigger,
    ...(changed.length === 0 ? {} : { changed: changed.slice(0, CHANGED_SHOWN).map(({ path }) => path) }),
    findings: Object.fromEntries(counts) as FinishedEvent['findings'],
    undecided: report.gate.undecided,
    score: report.score.total,
    coveragePercent: report.score.coveragePercent,
    durationMs: report.durationMs,
  };
}

function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = clock.after(delayMs, resolve);
  const onAbort = (): void => {
    timer.cancel();
    resolve();
  };
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  return promise.finally(() => signal.removeEventListener('abort', onAbort));
}
