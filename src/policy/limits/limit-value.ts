/** Values of limits as people write them: `100/1m`, `2KB burst 64KB`, `10/1m, 100/1h`, `4KiB`, `delay`. */
import { parseDurationMs } from '../../base/duration.ts';
import { parseSizeBytes } from '../../base/size.ts';
import { type ExcessAction, formOf, type LimitForm, type LimitName } from './limit-name.ts';

/** So much in so long, evenly refilled; `burst` is what can be taken at once after a pause. */
export interface RateWindow {
  readonly amount: number;
  readonly windowMs: number;
  readonly burst: number;
}

export type LimitValue =
  | { readonly form: 'rate'; readonly windows: readonly RateWindow[] }
  | { readonly form: 'ceiling'; readonly max: number }
  | { readonly form: 'action'; readonly action: ExcessAction };

/** A value in force, with the text that gave it and where that stands. */
export interface Limit {
  readonly name: LimitName;
  readonly value: LimitValue;
  readonly text: string;
  /** Such as `sallyport.yaml:12`, `default`, `identity:webhook`, `policy.yaml:9 role sensor`, `override`. */
  readonly source: string;
}

const WINDOWS_MAX = 4;
const TEXT_MAX_CHARS = 256;
const WINDOW_MIN_MS = 100;
const WINDOW_MAX_MS = 30 * 86_400_000;
/** One packet has to fit into a burst of bytes; what says anything at all takes about this much. */
const PACKET_MIN_BYTES = 64;
/** A refill that takes longer than this for one message never allows it. */
const REFILL_MAX_MS = 86_400_000;

const WINDOW = /^([^/]+?)(?: ?\/ ?([^/]+?))?(?: burst ([^/]+))?$/;
const SHORT_DURATION = /^(ms|s|m|h|d)$/;

/** The value, or what is wrong with it as the end of a sentence that begins with the limit's name. */
export function parseLimitValue(name: LimitName, given: unknown): LimitValue | string {
  const form = formOf(name);
  if (Array.isArray(given) && form.form === 'rate') return parseRate(form, given);
  if (typeof given !== 'string' && typeof given !== 'number') return `is not allowed: give ${wanted(form)}`;
  if (typeof given === 'string' && given.length > TEXT_MAX_CHARS) return 'is too long for a limit';
  const shown = shownValue(given);
  const complain = (): string => `${shown} is not allowed: give ${wanted(form)}`;
  switch (form.form) {
    case 'rate':
      return parseRate(form, typeof given === 'string' ? given.split(',') : [given]);
    case 'count': {
      const count = typeof given === 'number' ? given : /^\d{1,9}$/.test(given) ? Number(given) : Number.NaN;
      if (!Number.isInteger(count) || count < form.min || count > form.max) return complain();
      return { form: 'ceiling', max: count };
    }
    case 'size': {
      const bytes = sizeOf(given);
      if (bytes === undefined || bytes < form.minBytes || bytes > form.maxBytes) return complain();
      return { form: 'ceiling', max: bytes };
    }
    case 'action': {
      const action = form.actions.find((known) => known === given);
      return action === undefined ? complain() : { form: 'action', action };
    }
  }
}

/** What stands for a value in errors and help. */
export function wanted(form: LimitForm): string {
  switch (form.form) {
    case 'rate': {
      const amount = form.bytes ? '64KB' : '10';
      return form.perSecond
        ? `an amount a second such as ${amount}, one in another time such as ${amount}/1m, either with "burst ${amount}" behind it, or a list of them`
        : `an amount and its time such as ${amount}/1m, perhaps with "burst 30" behind it, or a list of them`;
    }
    case 'count':
      return `a whole number from ${form.min} to ${form.max}`;
    case 'size':
      return `a size from ${form.minBytes}B to ${form.maxBytes}B, as bytes or with its unit (KiB, MiB, KB, MB)`;
    case 'action':
      return `one of ${form.actions.join(', ')}`;
  }
}

type RateForm = Extract<LimitForm, { form: 'rate' }>;

function parseRate(form: RateForm, parts: readonly unknown[]): LimitValue | string {
  if (parts.length === 0 || parts.length > WINDOWS_MAX) return `has ${parts.length} rates: give 1 to ${WINDOWS_MAX}`;
  const windows: RateWindow[] = [];
  for (const part of parts) {
    const window = parseWindow(form, part);
    if (typeof window === 'string') return window;
    windows.push(window);
  }
  return { form: 'rate', windows };
}

function parseWindow(form: RateForm, given: unknown): RateWindow | string {
  const isWritten = typeof given === 'string' || typeof given === 'number';
  const match = isWritten ? WINDOW.exec(String(given).trim()) : null;
  const shown = shownValue(given).slice(0, 60);
  if (match === null) return `${shown} is not allowed: give ${wanted(form)}`;
  const [, amountText = '', windowText, burstText] = match;
  const amount = amountOf(form, amountText);
  if (amount === undefined) {
    const isNegative = amountText.startsWith('-');
    return `${shown} is not allowed${isNegative ? ', since it is negative' : ''}: give ${wanted(form)}`;
  }
  if (windowText === undefined && !form.perSecond) return `${shown} lacks its time: write ${amountText}/1m or the like`;
  if (amount === 0) return `${shown} lets nothing through: give more than 0; to shut somebody out, deny or ban them`;
  const windowMs = windowText === undefined ? 1000 : durationOf(windowText);
  if (windowMs === undefined || windowMs < WINDOW_MIN_MS || windowMs > WINDOW_MAX_MS) {
    return `${shown} has no time that is one: write it as ${amountText}/1m, with ms, s, m, h or d, from 100ms to 30d`;
  }
  const burst = burstText === undefined ? amount : amountOf(form, burstText);
  if (burst === undefined) return `${shown} has a burst that is no amount: give ${wanted(form)}`;
  const packet = form.bytes ? PACKET_MIN_BYTES : 1;
  if (burst < packet) {
    return `${shown} has a burst of ${burst}${form.bytes ? ' bytes' : ''}, into which no packet fits: give at least ${packet}${form.bytes ? 'B' : ''}`;
  }
  if ((packet / amount) * windowMs > REFILL_MAX_MS) {
    return `${shown} takes more than a day to allow one packet: give more, or a shorter time`;
  }
  return Object.freeze({ amount, windowMs, burst });
}

/** JSON knows no infinity. */
function shownValue(given: unknown): string {
  return (typeof given === 'number' ? undefined : JSON.stringify(given)) ?? String(given);
}

function amountOf({ bytes }: RateForm, text: string): number | undefined {
  if (bytes) return sizeOf(text);
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

/** A plain number counts bytes, also as text: a command line has nothing else. */
function sizeOf(given: string | number): number | undefined {
  return parseSizeBytes(typeof given === 'string' && /^\d{1,12}$/.test(given) ? Number(given) : given);
}

/** `1m`, or just `m` for one of them. */
function durationOf(text: string): number | undefined {
  return parseDurationMs(SHORT_DURATION.test(text) ? `1${text}` : text);
}

/** One text for what was given, for people. */
export function limitText(given: unknown): string {
  return Array.isArray(given) ? given.map((part) => String(part).trim()).join(', ') : String(given).trim();
}

/** A limit, or what is wrong with it as a whole sentence without its full stop. */
export function readLimit(name: LimitName, given: unknown, source: string): Limit | string {
  const value = parseLimitValue(name, given);
  if (typeof value === 'string') return `${name} ${value}`;
  return Object.freeze({ name, value, text: limitText(given), source });
}
