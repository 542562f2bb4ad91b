/** A ban: who is shut out, why, by whom and until when; and how its subject is written. */
import { networkOf, normaliseAddress, prefixOf } from '../../../base/ip-address.ts';
import { nearestWord } from '../../../base/nearest-word.ts';
import type { SubjectKind } from '../detection.ts';

/** A listener stands for many; it cannot be banned. */
export type BanKind = Exclude<SubjectKind, 'listener'>;

export interface BanSubject {
  readonly kind: BanKind;
  /** In its one text: an address, a network such as `192.0.2.0/24`, a name, or a fingerprint in lower-case hex. */
  readonly value: string;
}

export interface Ban {
  readonly subject: BanSubject;
  /** One plain sentence, for operators; the one who is banned is not told. */
  readonly reason: string;
  /** `detector:<name>`, or `operator:<who>`. */
  readonly author: string;
  /** Monotonic; before the start of the process for a ban that is older. */
  readonly sinceMs: number;
  /** Monotonic; infinite for a ban that somebody has to take back. */
  readonly untilMs: number;
  /** Counts the bans that detectors laid on this subject, this one included; 0 for an operator's. */
  readonly offence: number;
}

/** As in commands, events and the author of a refusal: `ban:client:d42`. */
const WORDS: Readonly<Record<BanKind, string>> = {
  address: 'address',
  network: 'network',
  username: 'user',
  clientId: 'client',
  certificate: 'certificate',
};
export const BAN_KINDS = Object.keys(WORDS) as readonly BanKind[];

const EXAMPLES: Readonly<Record<BanKind, string>> = {
  address: 'address:192.0.2.7',
  network: 'network:192.0.2.0/24',
  username: 'user:pump-7',
  clientId: 'client:d42',
  certificate: 'certificate: and its SHA-256 in hex',
};

const NAME_MAX_CHARS = 1024;
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;
const FINGERPRINT = /^[0-9a-f]{64}$/;

export function subjectText({ kind, value }: BanSubject): string {
  return `${WORDS[kind]}:${value}`;
}

export function isOperators(ban: Ban): boolean {
  return ban.offence === 0;
}

/** The subject, or a sentence that says why the text is none. An address or a network may stand alone. */
export function parseBanSubject(text: string): BanSubject | string {
  const colon = text.indexOf(':');
  const word = colon === -1 ? '' : text.slice(0, colon);
  const kind = BAN_KINDS.find((known) => WORDS[known] === word);
  if (kind !== undefined) {
    const subject = subjectOf(kind, text.slice(colon + 1));
    return subject ?? `"${text.slice(0, 80)}" names no ${word}; it looks like ${EXAMPLES[kind]}`;
  }
  const bare = subjectOf('network', text) ?? subjectOf('address', text);
  if (bare !== undefined) return bare;
  if (prefixOf(text)?.bits === 0)
    return `"${text}" is everybody: name a smaller network; whoever wants nobody in closes the listener`;
  const meant = /^[a-zA-Z]+$/.test(word) ? nearestWord(word, Object.values(WORDS)) : undefined;
  const hint =
    meant === undefined
      ? `give one of ${Object.values(EXAMPLES).join(', ')}; an address or a network may stand alone`
      : `did you mean ${meant}:?`;
  return `"${text.slice(0, 80)}" is nobody to ban or confine: ${hint}`;
}

/** The subject in its one text; undefined where the value is none of this kind. A network of one address is that address. */
export function subjectOf(kind: BanKind, value: string): BanSubject | undefined {
  switch (kind) {
    case 'address': {
      const address = normaliseAddress(value);
      return address === undefined || value.includes('%') ? undefined : { kind, value: address };
    }
    case 'network': {
      const prefix = prefixOf(value);
      // Everybody is not a network: whoever wants that closes the listener.
      if (prefix === undefined || prefix.bits === 0) return undefined;
      const { address, bits } = prefix;
      if (bits === (address.includes(':') ? 128 : 32)) return { kind: 'address', value: address };
      return { kind, value: networkOf(address, bits, bits) };
    }
    case 'certificate': {
      const hex = value.replaceAll(':', '').toLowerCase();
      return FINGERPRINT.test(hex) ? { kind, value: hex } : undefined;
    }
    default:
      return value === '' || value.length > NAME_MAX_CHARS || CONTROL.test(value) ? undefined : { kind, value };
  }
}
