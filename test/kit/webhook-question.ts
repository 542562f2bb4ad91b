/** What a webhook of identities is asked about a client of which nothing but its login matters. */
import type { WebhookQuestion } from '../../src/policy/identity/webhook-method.ts';

export const QUESTION: WebhookQuestion = {
  clientId: 'c',
  username: 'u',
  password: 'p',
  passwordBase64: 'cA==',
  address: null,
  port: null,
  listener: null,
  secure: false,
  certificate: null,
};
