/** Mail over SMTP, with TLS from the start or by STARTTLS. What peers chose never gets into a header but as plain text, nor into HTML unescaped. */
import type { ConnectionOptions } from 'node:tls';
import { createTransport } from 'nodemailer';
import { escapeMarkup } from '../../../../base/markup.ts';
import { printable } from '../../../../base/printable.ts';
import { type Alert, isFiring } from '../alert.ts';
import { DeliveryFailure } from '../delivery.ts';
import { aboutText, iso, type Notification, title } from '../notification.ts';
import { SecretEcho } from '../secret-echo.ts';
import type { ReceiverServices, SendNotification } from './receiver.ts';

export interface EmailReceiver {
  readonly host: string;
  readonly port: number;
  /** `tls` from the first byte, `starttls` or not at all; without TLS only where the operator has said so. */
  readonly security: 'tls' | 'starttls' | 'none';
  readonly tls: ConnectionOptions;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly from: string;
  readonly to: readonly string[];
  readonly timeoutMs: number;
}

/** From here on a server's answer is final [RFC 5321, 4.2.1]. */
const PERMANENT_FROM = 500;

export function emailReceiver(receiver: EmailReceiver, _services: ReceiverServices): SendNotification {
  const { host, port, security, tls, username, password, from, to, timeoutMs } = receiver;
  // As AUTH PLAIN carries it, too [RFC 4616].
  const plain =
    password === undefined ? undefined : Buffer.from(`\u0000${username ?? ''}\u0000${password}`).toString('base64');
  const secrets = new SecretEcho(undefined, password, plain);
  return async (notification, signal) => {
    const transport = createTransport({
      host,
      port,
      secure: security === 'tls',
      requireTLS: security === 'starttls',
      ignoreTLS: security === 'none',
      tls,
      ...(username === undefined ? {} : { auth: { user: username, pass: password ?? '' } }),
      connectionTimeout: timeoutMs,
      greetingTimeout: timeoutMs,
      socketTimeout: timeoutMs,
      // Texts are all that there is: nothing of a message names a file or a URL to be fetched.
      disableFileAccess: true,
      disableUrlAccess: true,
    });
    try {
      const sent = await transport.sendMail({
        from,
        to: [...to],
        subject: title(notification),
        text: mailText(notification),
        html: mailHtml(notification),
        // A server that goes on and on answering would hold the connection.
        signal,
        headers: { 'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All' },
      });
      return printable(secrets.shown(sent.response));
    } catch (error) {
      const { message, responseCode } = error as Error & { responseCode?: number };
      const says = secrets.shown(message);
      const code = says === message || responseCode === undefined ? '' : `${responseCode} `;
      throw new DeliveryFailure(
        printable(`${code}${says}`),
        responseCode !== undefined && responseCode >= PERMANENT_FROM,
      );
    } finally {
      transport.close();
    }
  };
}

function rowsOf(alert: Alert): [name: string, value: string][] {
  const about = aboutText(alert);
  return [
    ['What', alert.summary],
    ...(about === '' ? [] : ([['About', about]] as [string, string][])),
    ['Last', printable(alert.says)],
    ['Events', String(alert.count)],
    ['Since', iso(alert.startsAtMs)],
    ...(alert.endsAtMs === undefined ? [] : ([['Over', iso(alert.endsAtMs)]] as [string, string][])),
    ['Runbook', alert.runbook],
  ];
}

function headingOf(alert: Alert): string {
  return `${isFiring(alert) ? 'FIRING' : 'RESOLVED'} ${alert.name} (${alert.severity})`;
}

function mailText({ alerts, more }: Notification): string {
  const blocks = alerts.map((alert) => {
    const rows = rowsOf(alert).map(([name, value]) => `  ${`${name}:`.padEnd(9)} ${value}`);
    return [headingOf(alert), ...rows].join('\n');
  });
  if (more > 0) blocks.push(`and ${more} more`);
  return `${blocks.join('\n\n')}\n`;
}

export function mailHtml({ alerts, more }: Notification): string {
  const blocks = alerts.map((alert) => {
    const rows = rowsOf(alert).map(
      ([name, value]) => `<tr><th align="left">${escapeMarkup(name)}</th><td>${escapeMarkup(value)}</td></tr>`,
    );
    return `<h3>${escapeMarkup(headingOf(alert))}</h3><table>${rows.join('')}</table>`;
  });
  if (more > 0) blocks.push(`<p>and ${more} more</p>`);
  return `<!doctype html><html><body>${blocks.join('')}</body></html>`;
}
