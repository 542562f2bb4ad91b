/** Events with a ceiling on every text: a peer chooses user names and topics, and they can be 64 KiB long. */
import { cutText } from '../../base/cut-text.ts';
import type { GatewayEvent } from '../../base/events.ts';

const TEXT_LENGTH_MAX = 512;
const ITEMS_MAX = 64;

/** The event, or where a text or a list of it is too long a copy in which they are cut, with an ellipsis where they were. */
export function boundedEvent(event: GatewayEvent): GatewayEvent {
  return isBounded(event) ? event : (bounded(event) as GatewayEvent);
}

function isBounded(value: unknown): boolean {
  if (typeof value === 'string') return value.length <= TEXT_LENGTH_MAX;
  if (Array.isArray(value)) return value.length <= ITEMS_MAX && value.every(isBounded);
  if (typeof value !== 'object' || value === null) return true;
  for (const key in value) if (!isBounded(value[key as keyof typeof value])) return false;
  return true;
}

function bounded(value: unknown): unknown {
  if (typeof value === 'string') return cutText(value, TEXT_LENGTH_MAX);
  if (Array.isArray(value)) {
    const items = value.slice(0, ITEMS_MAX).map(bounded);
    return value.length > ITEMS_MAX ? [...items, '…'] : items;
  }
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, bounded(inner)]));
}
