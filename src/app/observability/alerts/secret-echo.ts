/**
 * What a receiver answers is shown to operators, goes into logs and to other receivers. Some answer with what they were sent: an
 * answer that repeats a part of a token, a password or the address of a hook is withheld.
 */

/** Shorter parts could stand in an answer by chance. */
const PART_LENGTH_MIN = 4;
/** Of an address, names such as `services` are known to everybody; these have digits or capitals, or are long. */
const PLACE_LENGTH_MIN = 8;
const PLACE_LENGTH_LONG = 16;

export const WITHHELD = '(its answer is withheld, because it repeats a secret)';

/** Looks through answers for what must not be repeated, however it is quoted: by runs of letters and digits. */
export class SecretEcho {
  readonly #parts: readonly string[];

  /** `url` may be one whose path or query is a secret; `secrets` are tokens, passwords and headers with them. */
  constructor(url: string | undefined, ...secrets: readonly (string | undefined)[]) {
    const place = url === undefined ? undefined : URL.parse(url);
    const whole = secrets.filter((secret) => secret !== undefined);
    const hidden = whole.flatMap((secret) => [secret, ...inBase64(secret)]);
    this.#parts = [
      ...partsOf(`${place?.pathname ?? ''} ${place?.search ?? ''}`).filter(isTelling),
      ...hidden
        .flatMap(partsOf)
        .filter((part) => part.length >= PART_LENGTH_MIN && part !== 'Bearer' && part !== 'Basic'),
    ];
  }

  /** The text, or why it is not there. */
  shown(text: string): string {
    return this.#parts.some((part) => text.includes(part)) ? WITHHELD : text;
  }
}

function partsOf(text: string): string[] {
  return text.match(/[A-Za-z0-9_-]+/g) ?? [];
}

function isTelling(part: string): boolean {
  return part.length >= PLACE_LENGTH_LONG || (part.length >= PLACE_LENGTH_MIN && /[A-Z0-9]/.test(part));
}

/** As HTTP and SMTP carry it, and what `Basic` carries. */
function inBase64(secret: string): string[] {
  const carried = secret.startsWith('Basic ') ? Buffer.from(secret.slice('Basic '.length), 'base64').toString() : '';
  return [Buffer.from(secret).toString('base64'), carried.slice(carried.indexOf(':') + 1)];
}
