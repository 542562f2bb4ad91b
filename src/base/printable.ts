/** Text of peers made safe for terminals, pagers and logs. */

/** What JSON leaves alone but a terminal or a pager may act on: delete, C1 controls, line separators, text direction. */
const HIDDEN = /[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;
const HIDDEN_OR_CONTROL = /[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

function asEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** Of JSON, which stays JSON. */
export function printableJson(json: string): string {
  return json.replace(HIDDEN, asEscape);
}

/** Of text whose lines are ours, and what stands in them is not. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}

/** Of any text, which becomes one line. */
export function printable(text: string): string {
  return text.replace(HIDDEN_OR_CONTROL, asEscape);
}
