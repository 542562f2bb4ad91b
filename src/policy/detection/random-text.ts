/** Whether a topic has a part that was made by chance and not by a person. */

const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/i;
const LENGTH_MIN = 10;
const BITS_MIN = 3;
/** Random letters have one vowel in five, words one in three. */
const VOWELS_MAX = 0.25;
/** Only so many characters of a level are looked at. */
const LOOKED_AT_MAX = 64;

/** Words, and the parts of an identifier, are looked at one by one. */
export function looksRandom(topic: string): boolean {
  return UUID.test(topic) || topic.split(/[^a-z0-9]+/i, 64).some(isRandom);
}

function isRandom(whole: string): boolean {
  const level = whole.slice(0, LOOKED_AT_MAX);
  if (level.length < LENGTH_MIN || bitsPerCharacter(level) < BITS_MIN) return false;
  const letters = level.replace(/[^a-z]/gi, '');
  const vowels = letters.replace(/[^aeiouy]/gi, '').length;
  const fewVowels = letters.length >= LENGTH_MIN && vowels < letters.length * VOWELS_MAX;
  return fewVowels || changesOfKind(level) >= level.length / 4;
}

/** Entropy of the characters, after Shannon. */
export function bitsPerCharacter(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
}

/** How often a digit follows a letter, or a letter of one case another, and the other way round. */
function changesOfKind(text: string): number {
  let changes = 0;
  let before = '';
  for (const character of text) {
    const kind = /\d/.test(character)
      ? 'digit'
      : /[a-z]/.test(character)
        ? 'lower'
        : /[A-Z]/.test(character)
          ? 'upper'
          : '';
    if (kind === '') continue;
    if (before !== '' && before !== kind) changes++;
    before = kind;
  }
  return changes;
}
