/** A service that takes notifications as JSON, signed if it wants to know whom they come from. */
import { createHmac } from 'node:crypto';
import type { ConnectionOptions } from 'node:tls';
import { printableJson } from '../../../../base/printable.ts';
import { jsonOf } from '../notification.ts';
import { SecretEcho } from '../secret-echo.ts';
import { httpPost } from './http-post.ts';
import type { ReceiverServices, SendNotification } from './receiver.ts';

export interface WebhookReceiver {
  readonly url: string;
  readonly tls: ConnectionOptions;
  /** Sent as a bearer token. */
  readonly token: string | undefined;
  /** Signs `<time>.<body>`. */
  readonly key: string | undefined;
}

export const SIGNATURE_HEADER = 'sallyport-signature';

/** `t=<seconds since the Unix epoch>,v1=<HMAC-SHA256 of "<t>.<body>", hex>`: the time is signed too, so that nothing can be replayed later. */
export function signatureOf(body: string, key: string, epochS: number): string {
  const mac = createHmac('sha256', key).update(`${epochS}.${body}`).digest('hex');
  return `t=${epochS},v1=${mac}`;
}

export function webhookReceiver(
  { url, tls, token, key }: WebhookReceiver,
  { clock, version }: ReceiverServices,
): SendNotification {
  const secrets = new SecretEcho(url, token, key);
  return (notification, signal) => {
    const body = printableJson(JSON.stringify(jsonOf(notification)));
    const headers = {
      'user-agent': `sallyport/${version}`,
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(key === undefined ? {} : { [SIGNATURE_HEADER]: signatureOf(body, key, Math.floor(clock.epochMs() / 1000)) }),
    };
    return httpPost({ url, tls, headers, body, secrets, signal });
  };
}
