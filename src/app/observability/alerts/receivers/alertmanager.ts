/**
 * A Prometheus Alertmanager, by version 2 of its API. It groups, silences and repeats by itself; what it needs is to be told, again
 * and again, what fires: an alert that it hears nothing of for `resolveAfterMs` is over for it.
 */
import type { ConnectionOptions } from 'node:tls';
import type { Clock, Timer } from '../../../../base/clock.ts';
import { printable, printableJson } from '../../../../base/printable.ts';
import { type Alert, alertKey, isFiring, isLink } from '../alert.ts';
import { iso } from '../notification.ts';
import { SecretEcho } from '../secret-echo.ts';
import { httpPost } from './http-post.ts';
import type { ReceiverServices, Send } from './receiver.ts';

export interface AlertmanagerReceiver {
  /** Without the path of its API. */
  readonly url: string;
  readonly tls: ConnectionOptions;
  /** Value of the header, such as `Bearer …`. */
  readonly authorization: string | undefined;
  /** Told as the label `instance`. */
  readonly instance: string;
  readonly resolveAfterMs: number;
}

/** One request. */
const BATCH_MAX = 500;

export function alertmanagerReceiver(
  receiver: AlertmanagerReceiver,
  { clock, version }: ReceiverServices,
): Send<readonly Alert[]> {
  const url = `${receiver.url.replace(/\/$/, '')}/api/v2/alerts`;
  const headers = {
    'user-agent': `sallyport/${version}`,
    ...(receiver.authorization === undefined ? {} : { authorization: receiver.authorization }),
  };
  const secrets = new SecretEcho(receiver.url, receiver.authorization);
  return async (alerts, signal) => {
    let answer = 'nothing to tell';
    for (let i = 0; i < alerts.length; i += BATCH_MAX) {
      const batch = alerts.slice(i, i + BATCH_MAX).map((alert) => postable(alert, receiver, clock.epochMs()));
      const body = printableJson(JSON.stringify(batch));
      answer = await httpPost({ url, tls: receiver.tls, headers, body, secrets, signal });
    }
    return answer;
  };
}

/** As its OpenAPI document calls it. Labels name the alert: what changes while it fires is in annotations. */
function postable(alert: Alert, { instance, resolveAfterMs }: AlertmanagerReceiver, nowMs: number): object {
  const { name, severity, subject, summary, says, count, startsAtMs, endsAtMs, runbook } = alert;
  const about = subject.kind === '' ? {} : { subject_kind: subject.kind, subject: printable(subject.value) };
  return {
    labels: { alertname: name, severity, job: 'sallyport', instance, ...about },
    annotations: { summary, description: printable(says), count: String(count), runbook },
    startsAt: iso(startsAtMs),
    endsAt: iso(endsAtMs ?? nowMs + resolveAfterMs),
    ...(isLink(runbook) ? { generatorURL: runbook } : {}),
  };
}

export interface AlertmanagerStateOptions {
  readonly clock: Clock;
  readonly repeatIntervalMs: number;
  readonly isSilenced: (alert: Alert) => boolean;
  readonly current: (alert: Alert) => Alert | undefined;
  /** Wants {@link AlertmanagerState.take} to be called, and what it returns to be sent. */
  readonly due: () => void;
}

/** Changes of a moment go out together. */
const SETTLE_MS = 500;
/** Alerts that are over and have not been told; beyond it Alertmanager finds out by itself, when it hears nothing more. */
const OVER_MAX = 2000;

/** What an Alertmanager has to know: all that fires, and what is over since it was last told. */
export class AlertmanagerState {
  readonly #options: AlertmanagerStateOptions;
  readonly #firing = new Map<string, Alert>();
  readonly #over = new Map<string, Alert>();
  #soon: Timer | undefined;
  #repeat: Timer | undefined;

  constructor(options: AlertmanagerStateOptions) {
    this.#options = options;
  }

  change(alert: Alert): void {
    const key = alertKey(alert);
    if (isFiring(alert)) {
      this.#over.delete(key);
      this.#firing.set(key, alert);
    } else {
      this.#firing.delete(key);
      if (this.#over.size < OVER_MAX) this.#over.set(key, alert);
    }
    this.#soon ??= this.#options.clock.after(SETTLE_MS, () => {
      this.#soon = undefined;
      this.#tell();
    });
  }

  #tell(): void {
    const { clock, repeatIntervalMs, due } = this.#options;
    this.#repeat?.cancel();
    due();
    this.#repeat = this.#firing.size === 0 ? undefined : clock.after(repeatIntervalMs, () => this.#tell());
  }

  /** As of now: an Alertmanager that was away is told what is, and not what was. */
  snapshot(): Alert[] {
    const { current, isSilenced } = this.#options;
    const firing = [...this.#firing.values()].map((alert) => current(alert) ?? alert);
    return [...firing.filter((alert) => !isSilenced(alert)), ...this.#over.values()];
  }

  /** It has heard of these. */
  told(alerts: readonly Alert[]): void {
    for (const alert of alerts) if (!isFiring(alert)) this.#over.delete(alertKey(alert));
  }

  close(): void {
    this.#soon?.cancel();
    this.#repeat?.cancel();
  }
}
