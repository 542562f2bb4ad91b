/** An event as a line of JSON, as the log and collectors have it. */
import type { GatewayEvent } from '../../base/events.ts';
import { printableJson } from '../../base/printable.ts';
import { eventSentence } from '../event-sentence.ts';

/** Without level and time, which each destination writes in its own way. The event's texts are bounded already. */
export function logFields(event: GatewayEvent): { readonly event: string } {
  const { name, ...fields } = event;
  return { event: name, ...fields };
}

export function logLine(event: GatewayEvent): string {
  return printableJson(JSON.stringify({ ...logFields(event), msg: eventSentence(event) }));
}
