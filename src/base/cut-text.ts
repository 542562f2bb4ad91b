/** A text that is kept, cut to a length: what a peer sends may be 64 KiB long. */

/** With an ellipsis where it was cut. The rest is not kept: a part that the runtime cuts out pins the whole. */
export function cutText(text: string, lengthMax: number): string {
  if (text.length <= lengthMax) return text;
  return `${Buffer.from(text.slice(0, lengthMax), 'utf16le').toString('utf16le')}…`;
}
