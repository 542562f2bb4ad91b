/**
 * A chat that takes Slack's incoming webhooks (Slack, Mattermost, Rocket.Chat …). What peers chose stands in code spans, with the
 * characters replaced that end one or begin a mention, a link or a markup.
 */
import { printable, printableJson } from '../../../../base/printable.ts';
import { type Alert, isFiring, isLink } from '../alert.ts';
import { aboutText, iso, type Notification } from '../notification.ts';
import { SecretEcho } from '../secret-echo.ts';
import { httpPost } from './http-post.ts';
import type { ReceiverServices, SendNotification } from './receiver.ts';

const COLOURS = { critical: '#c62828', warning: '#ef6c00', info: '#1565c0' } as const;
const RESOLVED_COLOUR = '#2e7d32';
/** Longer texts are folded by the chat, or refused. */
const TEXT_LENGTH_MAX = 600;

/** Literal text: within a code span nothing is a link, a mention or a markup, and nothing ends it. */
export function slackCode(text: string): string {
  const line = printable(text);
  const cut = line.length > TEXT_LENGTH_MAX ? `${line.slice(0, TEXT_LENGTH_MAX)}…` : line;
  // Slack reads these three as entities everywhere [Slack, "Formatting text for app surfaces"].
  return `\`${cut.replaceAll('`', "'").replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')}\``;
}

export function slackMessage(notification: Notification): object {
  const { status, alerts, more } = notification;
  const count = alerts.length + more;
  const names = [...new Set(alerts.map(({ name }) => name))].join(', ');
  const text = `${status === 'firing' ? '*FIRING*' : '*RESOLVED*'} ${names}${count === 1 ? '' : ` (${count} alerts)`}`;
  const attachments: object[] = alerts.map(attachment);
  if (more > 0) attachments.push({ fallback: `${more} more`, text: `and ${more} more` });
  return { username: 'Sallyport', parse: 'none', link_names: 0, unfurl_links: false, text, attachments };
}

function attachment(alert: Alert): object {
  const { name, severity, summary, says, count, startsAtMs, endsAtMs, runbook } = alert;
  const about = aboutText(alert);
  const lines = [
    summary,
    ...(about === '' ? [] : [`about ${slackCode(about)}`]),
    slackCode(says),
    `${count} ${count === 1 ? 'event' : 'events'} since ${iso(startsAtMs)}${endsAtMs === undefined ? '' : `, over at ${iso(endsAtMs)}`}`,
    `runbook: ${runbook}`,
  ];
  return {
    color: isFiring(alert) ? COLOURS[severity] : RESOLVED_COLOUR,
    fallback: `${name}: ${summary}`,
    title: `${name} (${severity})`,
    ...(isLink(runbook) ? { title_link: runbook } : {}),
    text: lines.join('\n'),
    mrkdwn_in: ['text'],
  };
}

/** The URL is the secret: whoever has it may post. */
export function slackReceiver(url: string, { version }: ReceiverServices): SendNotification {
  const secrets = new SecretEcho(url);
  return (notification, signal) => {
    const body = printableJson(JSON.stringify(slackMessage(notification)));
    return httpPost({ url, tls: {}, headers: { 'user-agent': `sallyport/${version}` }, body, secrets, signal });
  };
}
