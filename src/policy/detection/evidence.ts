/** What peers sent, as it may stand in evidence: short, whoever made it long. */
import type { Subject } from './detection.ts';

const LENGTH_MAX = 64;
const FINGERPRINT_SHOWN = 16;

export function cutText(text: string): string {
  return text.length > LENGTH_MAX ? `${text.slice(0, LENGTH_MAX)}…` : text;
}

/** A subject as the beginning of a sentence. */
export function subjectText({ kind, value }: Subject): string {
  switch (kind) {
    case 'address':
      return value;
    case 'network':
      return `Network ${value}`;
    case 'username':
      return `User "${cutText(value)}"`;
    case 'clientId':
      return `Client "${cutText(value)}"`;
    case 'certificate':
      return `Certificate ${value.slice(0, FINGERPRINT_SHOWN)}…`;
    case 'listener':
      return `Listener ${value}`;
  }
}
