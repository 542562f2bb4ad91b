/**
 * Who leaves a Will, as text that is kept with it: the client may long be gone when the Will is due, and the process another one.
 * What is compared with bans and asked of the policy is all that is in it.
 */
import type { Subject } from '../policy/authorization/decision.ts';
import { type Client, subjectOf } from './client.ts';

/** More than any policy looks at; what is longer is not kept, and its Will not published. */
const AUTHOR_MAX_BYTES = 32_768;

export interface WillAuthor {
  readonly subject: Subject & { readonly address: string };
  /** SHA-256 of the client certificate, lower-case hex. */
  readonly fingerprint?: string | undefined;
}

/** Undefined before it is known who the client is, and where too much is known of it. */
export function willAuthorOf(client: Client): string | undefined {
  const { identity, downstream } = client;
  if (identity === undefined) return undefined;
  const subject = { ...subjectOf(client, identity), address: downstream.address };
  const author: WillAuthor = { subject, fingerprint: downstream.certificate?.fingerprint };
  const text = JSON.stringify(author);
  return Buffer.byteLength(text) > AUTHOR_MAX_BYTES ? undefined : text;
}

/** Undefined where the text is none that `willAuthorOf` made. */
export function readWillAuthor(text: string | undefined): WillAuthor | undefined {
  if (text === undefined) return undefined;
  try {
    const { subject, fingerprint } = JSON.parse(text) as Partial<WillAuthor>;
    const isWhole = typeof subject?.clientId === 'string' && typeof subject.address === 'string';
    return isWhole ? { subject, fingerprint } : undefined;
  } catch {
    return undefined;
  }
}
