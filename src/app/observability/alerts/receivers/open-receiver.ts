/** Makes a receiver's way to be told out of its configuration, with the secrets and certificates that it names. */
import { hostname } from 'node:os';
import type { ConnectionOptions } from 'node:tls';
import type { TargetOptions } from '../../../../transports/upstream/upstream-options.ts';
import type { Config } from '../../../config/config.ts';
import { OperatorError } from '../../../config/problem.ts';
import { readSecret, type SecretSource } from '../../../config/secret.ts';
import { parseUpstreamUrl } from '../../../config/upstream-url.ts';
import { tlsOptionsOf } from '../../../identity-backends/backend-tls.ts';
import { prepareUpstreams } from '../../../upstreams.ts';
import type { Alert } from '../alert.ts';
import { alertmanagerReceiver } from './alertmanager.ts';
import { commandReceiver } from './command.ts';
import { emailReceiver } from './email.ts';
import { mqttReceiver } from './mqtt.ts';
import type { ReceiverServices, Send, SendNotification } from './receiver.ts';
import { slackReceiver } from './slack.ts';
import { webhookReceiver } from './webhook.ts';

export type ReceiverConfig = Config['alerts']['receivers'][number];
type Of<Type extends ReceiverConfig['type']> = Extract<ReceiverConfig, { type: Type }>;

/** An Alertmanager is told states, all others are told news. */
export type OpenReceiver =
  | { readonly kind: 'states'; readonly send: Send<readonly Alert[]>; readonly resendIntervalMs: number }
  | { readonly kind: 'news'; readonly send: SendNotification };

/** For how many missed repetitions an Alertmanager believes that an alert still fires; as Prometheus tells it. */
const RESENDS_MISSED_MAX = 4;

/** @throws {OperatorError} when a secret or a file that it names cannot be used. */
export async function openReceiver(
  config: ReceiverConfig,
  whole: Config,
  services: ReceiverServices,
): Promise<OpenReceiver> {
  switch (config.type) {
    case 'alertmanager':
      return openAlertmanager(config, services);
    case 'slack':
      return { kind: 'news', send: slackReceiver(await slackUrl(config), services) };
    case 'webhook': {
      const { url, token, signingKey } = config;
      const tls = await tlsOf(config.tls, url);
      const receiver = { url, tls, token: await optional(token), key: await optional(signingKey) };
      return { kind: 'news', send: webhookReceiver(receiver, services) };
    }
    case 'mqtt': {
      const { clientId, username, topic, retain, timeoutMs } = config;
      const targets = await targetsOf(config, whole);
      const password = await optional(config.password);
      const receiver = { clientId, username, password, topic, retain, timeoutMs, targets };
      return { kind: 'news', send: mqttReceiver(receiver, services) };
    }
    case 'email': {
      const { host, port, security, username, from, to, timeoutMs } = config;
      const tls = await tlsOptionsOf(config.tls, host);
      const password = await optional(config.password);
      const receiver = { host, port, security, tls, username, password, from, to, timeoutMs };
      return { kind: 'news', send: emailReceiver(receiver, services) };
    }
    case 'command':
      return { kind: 'news', send: commandReceiver(config.argv) };
  }
}

async function openAlertmanager(config: Of<'alertmanager'>, services: ReceiverServices): Promise<OpenReceiver> {
  const { url, token, username, password, resendInterval: resendIntervalMs } = config;
  const bearer = await optional(token);
  const basic = username === undefined ? undefined : `${username}:${(await optional(password)) ?? ''}`;
  const authorization =
    bearer !== undefined
      ? `Bearer ${bearer}`
      : basic === undefined
        ? undefined
        : `Basic ${Buffer.from(basic).toString('base64')}`;
  const receiver = {
    url,
    tls: await tlsOf(config.tls, url),
    authorization,
    instance: config.instance ?? hostname(),
    resolveAfterMs: resendIntervalMs * RESENDS_MISSED_MAX,
  };
  return { kind: 'states', send: alertmanagerReceiver(receiver, services), resendIntervalMs };
}

function optional(source: SecretSource | undefined): Promise<string | undefined> {
  return source === undefined ? Promise.resolve(undefined) : readSecret(source, process.env);
}

async function slackUrl({ url: source, name }: Of<'slack'>): Promise<string> {
  const url = (await readSecret(source, process.env)).trim();
  // What it is instead may be a secret, and is not repeated.
  const isUsable = /^https:\/\//.test(url) || /^http:\/\/(127\.0\.0\.1|localhost|\[::1\])[:/]/.test(url);
  if (!isUsable || !URL.canParse(url)) {
    throw new OperatorError(`The secret that url of the alert receiver "${name}" names holds no https URL.`);
  }
  return url;
}

function tlsOf(tls: Of<'webhook'>['tls'], url: string): Promise<ConnectionOptions> {
  return tlsOptionsOf(tls, new URL(url).hostname.replace(/^\[|\]$/g, ''));
}

async function targetsOf({ url, tls }: Of<'mqtt'>, config: Config): Promise<readonly TargetOptions[]> {
  if (url === undefined) return ownTargets(config);
  // INVARIANT: the schema has taken the URL.
  const place = parseUpstreamUrl(url)!;
  const { ca, serverName } = tls;
  const options = await tlsOptionsOf({ ca }, place.host);
  const isSecure = place.scheme === 'mqtts' || place.scheme === 'wss';
  const secured = {
    pinsSha256: [],
    ...(ca === undefined ? {} : { caPem: options.ca as string }),
    ...(serverName === undefined ? {} : { serverName }),
  };
  return [{ url, weight: 1, ...place, ...(isSecure ? { tls: secured } : {}) }];
}

/** Where clients are sent that no route sends elsewhere; none where that is the broker within. */
async function ownTargets(config: Config): Promise<readonly TargetOptions[]> {
  const { options, fallback } = await prepareUpstreams(config);
  return options.find(({ name }) => name === fallback)?.targets ?? [];
}
