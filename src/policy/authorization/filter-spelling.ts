/** One spelling for filters that match the same topics. */

/**
 * A filter with `#` spelt `+/#` and `/#` spelt `/+/#`: the same topics, since the empty topic that the first two would match
 * besides is none [MQTT-4.7.3-1]. So spelt, a filter is held by another exactly if it is level by level, and no grant ends with
 * `#` at the root.
 */
export function spellOut(filter: string): string {
  if (filter === '#') return '+/#';
  return filter === '/#' ? '/+/#' : filter;
}
