/** Windows of time such as `mon-fri 08:00-18:00 Europe/Berlin`, and whether a moment lies in one. */
import type { Hours } from './policy-form.ts';

const DAY_NAMES = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];
const EVERY_DAY = 0b111_1111;
const DAY_MINUTES = 1440;
const MINUTE_MS = 60_000;

/** The form, for messages. */
export const HOURS_FORM = '`mon-fri 08:00-18:00 Europe/Berlin`, with the days left out for every day';

/** Undefined where the text is no window. */
export function parseHours(text: string): Hours | undefined {
  const words = text.split(' ').filter((word) => word !== '');
  if (words.length === 2) words.unshift('mon-sun');
  const [dayText, span, timeZone] = words;
  if (dayText === undefined || span === undefined || timeZone === undefined || words.length > 3) return undefined;
  const days = parseDays(dayText);
  const [from, to, ...more] = span.split('-');
  const fromMinute = parseMinute(from);
  const toMinute = parseMinute(to);
  if (days === undefined || fromMinute === undefined || toMinute === undefined || more.length > 0) return undefined;
  if (fromMinute === DAY_MINUTES || toMinute === 0 || fromMinute === toMinute || !isTimeZone(timeZone))
    return undefined;
  return Object.freeze({ days, fromMinute, toMinute, timeZone, text });
}

/** `mon-fri`, `sat,sun`, `mon,wed-fri`; `fri-mon` goes round the end of the week. */
function parseDays(text: string): number | undefined {
  let days = 0;
  for (const part of text.toLowerCase().split(',')) {
    const [firstName, lastName, ...more] = part.split('-');
    const first = DAY_NAMES.indexOf(firstName ?? '');
    const last = lastName === undefined ? first : DAY_NAMES.indexOf(lastName);
    if (first < 0 || last < 0 || more.length > 0) return undefined;
    for (let day = first; ; day = (day + 1) % 7) {
      days |= 1 << day;
      if (day === last) break;
    }
  }
  return days & EVERY_DAY;
}

function parseMinute(text: string | undefined): number | undefined {
  const match = /^([0-2]\d):([0-5]\d)$/.exec(text ?? '');
  if (match === null) return undefined;
  const minute = Number(match[1]) * 60 + Number(match[2]);
  return minute <= DAY_MINUTES ? minute : undefined;
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/** Tells of one window whether it is open. The answer is kept for the minute it was made for. */
export class HoursWindow {
  readonly #hours: Hours;
  readonly #format: Intl.DateTimeFormat;
  #minute = Number.NaN;
  #isOpen = false;

  constructor(hours: Hours) {
    this.#hours = hours;
    this.#format = new Intl.DateTimeFormat('en-GB', {
      timeZone: hours.timeZone,
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
  }

  isOpenAt(epochMs: number): boolean {
    const minute = Math.floor(epochMs / MINUTE_MS);
    if (minute !== this.#minute) {
      this.#minute = minute;
      this.#isOpen = this.#look(epochMs);
    }
    return this.#isOpen;
  }

  #look(epochMs: number): boolean {
    let day = 0;
    let minuteOfDay = 0;
    for (const { type, value } of this.#format.formatToParts(epochMs)) {
      if (type === 'weekday') day = DAY_NAMES.indexOf(value.toLowerCase());
      else if (type === 'hour') minuteOfDay += Number(value) * 60;
      else if (type === 'minute') minuteOfDay += Number(value);
    }
    const { days, fromMinute, toMinute } = this.#hours;
    const beginsOn = (which: number): boolean => (days & (1 << which)) !== 0;
    if (fromMinute < toMinute) return beginsOn(day) && minuteOfDay >= fromMinute && minuteOfDay < toMinute;
    // Past midnight the window belongs to the day before.
    if (minuteOfDay >= fromMinute) return beginsOn(day);
    return minuteOfDay < toMinute && beginsOn((day + 6) % 7);
  }
}
