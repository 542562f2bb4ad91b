/** What peers sent, as it may stand in evidence: short, whoever made it long. */
import { cutText } from '../../base/cut-text.ts';
import type { Subject } from './detection.ts';

const LENGTH_MAX = 64;
const FINGERPRINT_SHOWN = 16;

export function exampleOf(text: string): string {
  return cutText(text, LENGTH_MAX);
}

/** A subject as the beginning of a sentence. */
export function subjectText({ kind, value }: Subject): string {
  switch (kind) {
    case 'address':
      return value;
    case 'network':
      return `Network ${value}`;
    case 'username':
      return `User "${exampleOf(value)}"`;
    case 'clientId':
      return `Client "${exampleOf(value)}"`;
    case 'certificate':
      return `Certificate ${value.slice(0, FINGERPRINT_SHOWN)}…`;
    case 'listener':
      return `Listener ${value}`;
  }
}
