/** Alerts gathered into notifications, as Alertmanager does it: wait a little for others, tell news at intervals, repeat what lasts. */
import type { Clock, Timer } from '../../../base/clock.ts';
import { type Alert, alertKey, isFiring, type Label, labelsOf } from './alert.ts';
import { type Notification, notificationOf } from './notification.ts';

export interface GroupingOptions {
  readonly clock: Clock;
  readonly groupBy: readonly Label[];
  /** From the first alert of a group to its first notification. */
  readonly groupWaitMs: number;
  /** Between two notifications of a group that has news. */
  readonly groupIntervalMs: number;
  /** Between two of one that has none, while it fires. */
  readonly repeatIntervalMs: number;
  readonly sendsResolved: boolean;
  readonly isSilenced: (alert: Alert) => boolean;
  /** The alert as it is now; undefined where it fires no more. */
  readonly current: (alert: Alert) => Alert | undefined;
  readonly notify: (notification: Notification) => void;
}

interface Group {
  readonly name: string;
  readonly alerts: Map<string, Alert>;
  /** Those that the receiver believes to fire. */
  readonly told: Set<string>;
  toldAtMs: number;
  timer: Timer;
}

export class Grouping {
  readonly #options: GroupingOptions;
  readonly #groups = new Map<string, Group>();

  constructor(options: GroupingOptions) {
    this.#options = options;
  }

  take(alert: Alert): void {
    const { clock, groupBy, groupWaitMs } = this.#options;
    const labels = labelsOf(alert);
    const name = groupBy.map((label) => `${label}=${labels[label]}`).join(', ');
    let group = this.#groups.get(name);
    if (group === undefined) {
      if (!isFiring(alert)) return;
      const timer = clock.after(groupWaitMs, () => this.#flush(name));
      group = { name, alerts: new Map(), told: new Set(), toldAtMs: Number.NEGATIVE_INFINITY, timer };
      this.#groups.set(name, group);
    }
    const key = alertKey(alert);
    // Nobody has heard of it yet, and nobody has to.
    if (!isFiring(alert) && !group.told.has(key)) group.alerts.delete(key);
    else group.alerts.set(key, alert);
  }

  #flush(name: string): void {
    const group = this.#groups.get(name)!;
    const { clock, groupIntervalMs, repeatIntervalMs, sendsResolved, isSilenced, current, notify } = this.#options;
    const shown = [...group.alerts].filter(([, alert]) => !isSilenced(alert));
    const firing = shown.filter(([, alert]) => isFiring(alert));
    const over = shown.filter(([key, alert]) => !isFiring(alert) && group.told.has(key));
    const isNews = firing.some(([key]) => !group.told.has(key)) || (sendsResolved && over.length > 0);
    const isDue = firing.length > 0 && clock.nowMs() - group.toldAtMs >= repeatIntervalMs;
    if (isNews || isDue) {
      const latest = firing.map(([, alert]) => current(alert) ?? alert);
      const told = sendsResolved ? over.map(([, alert]) => alert) : [];
      notify(notificationOf(name, [...latest, ...told]));
      group.toldAtMs = clock.nowMs();
      for (const [key] of firing) group.told.add(key);
    }
    for (const [key, alert] of group.alerts) {
      if (isFiring(alert)) continue;
      group.alerts.delete(key);
      group.told.delete(key);
    }
    if (group.alerts.size === 0) this.#groups.delete(name);
    else group.timer = clock.after(Math.min(groupIntervalMs, repeatIntervalMs), () => this.#flush(name));
  }

  /** What waits is told now. */
  close(): void {
    for (const [name, group] of this.#groups) {
      group.timer.cancel();
      this.#flush(name);
      this.#groups.get(name)?.timer.cancel();
    }
    this.#groups.clear();
  }
}
