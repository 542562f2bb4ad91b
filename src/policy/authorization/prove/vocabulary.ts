/**
 * What a policy can tell apart: listeners, addresses and moments, a few of which stand for all there are. Two that are on the same
 * side of everything that the policy names are the same to it.
 */
import { normaliseAddress } from '../../../base/ip-address.ts';
import type { Hours, Policy } from '../policy-form.ts';

export interface Vocabulary {
  /** Those that are named, and one that is not. */
  readonly listeners: readonly string[];
  /** One at least of every piece into which the named networks divide the addresses. */
  readonly addresses: readonly string[];
  /** One at least, in ms since the epoch, for every set of named windows that can be open together. */
  readonly moments: readonly number[];
}

/** Shown where any will do; from the ranges for documentation. */
const PLAIN_ADDRESSES = ['192.0.2.7', '2001:db8::7'];

export function vocabularyOf(policies: readonly Policy[]): Vocabulary {
  const conditions = new Set(
    policies.flatMap(({ roles }) => roles.flatMap(({ grants }) => grants.map(({ when }) => when))),
  );
  for (const { assertions } of policies) for (const { when } of assertions) conditions.add(when);
  const selectors = policies.flatMap(({ assignments }) => assignments.map(({ to }) => to));
  const named = [...conditions, ...selectors];
  const listeners = new Set(named.flatMap((each) => each.listeners ?? []));
  const networks = new Set(named.flatMap((each) => each.networks ?? []));
  const hours = new Map([...conditions].flatMap((when) => when.hours ?? []).map((each) => [each.text, each]));
  return {
    listeners: [...listeners, freshName('any', listeners)],
    addresses: [...new Set([...PLAIN_ADDRESSES, '0.0.0.0', '::', ...[...networks].flatMap(edgesOf)])],
    moments: momentsOf([...hours.values()]),
  };
}

function freshName(word: string, taken: ReadonlySet<string>): string {
  for (let number = 1; ; number++) {
    const name = number === 1 ? word : `${word}${number}`;
    if (!taken.has(name)) return name;
  }
}

/**
 * The second address of a network, for people, its first, and the one behind its last. Pieces are made of stretches that begin
 * at such an edge, so that one of them lies in each.
 */
function edgesOf(network: string): string[] {
  const [text = '', prefix] = network.split('/');
  const address = normaliseAddress(text)!;
  const isV4 = !address.includes(':');
  const isMapped = isV4 && text.includes(':');
  const width = isV4 ? 32n : 128n;
  const bits = prefix === undefined ? width : BigInt(Number(prefix) - (isMapped ? 96 : 0));
  const size = 1n << (width - bits);
  const first = (numberOf(address, isV4) / size) * size;
  const edges = size > 2n ? [first + 1n, first, first + size] : [first, first + size];
  return edges.filter((edge) => edge < 1n << width).map((edge) => addressOf(edge, isV4));
}

function numberOf(address: string, isV4: boolean): bigint {
  if (isV4) return address.split('.').reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
  // Outside the mapped range, too, an address may be written with a dotted end.
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  const [, front = '', a, b, c, d] = dotted ?? [];
  const plain =
    dotted === null
      ? address
      : `${front}${(Number(a) * 256 + Number(b)).toString(16)}:${(Number(c) * 256 + Number(d)).toString(16)}`;
  const [head = '', tail] = plain.split('::');
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const after = groups(tail ?? '');
  const before = groups(head);
  const zeros = new Array<string>(8 - before.length - after.length).fill('0');
  return [...before, ...zeros, ...after].reduce((sum, group) => sum * 65_536n + BigInt(`0x${group}`), 0n);
}

function addressOf(number: bigint, isV4: boolean): string {
  if (isV4) return [24n, 16n, 8n, 0n].map((shift) => (number >> shift) & 255n).join('.');
  const groups = Array.from({ length: 8 }, (_, index) => ((number >> BigInt(112 - 16 * index)) & 65_535n).toString(16));
  return normaliseAddress(groups.join(':'))!;
}

const MINUTE_MS = 60_000;
const DAY_MS = 1440 * MINUTE_MS;
/** A Monday. Over a year each way of two zones to lie apart comes up. */
const FIRST_DAY_MS = Date.UTC(2026, 0, 5);
const DAYS = 371;
const DAYS_OF_ONE_ZONE = 8;

/** Which windows are open changes only where one opens or closes. */
function momentsOf(hours: readonly Hours[]): number[] {
  const moments = new Set([FIRST_DAY_MS + DAY_MS / 2]);
  const zones = new Set(hours.map(({ timeZone }) => timeZone));
  const days = zones.size > 1 ? DAYS : DAYS_OF_ONE_ZONE;
  for (const zone of zones) {
    const edges = new Set(
      hours.filter(({ timeZone }) => timeZone === zone).flatMap(({ fromMinute, toMinute }) => [fromMinute, toMinute]),
    );
    const offsets = offsetsOf(zone, days);
    for (let day = 0; day < days; day++) {
      // On a day when the clocks change, both offsets hold.
      for (const offset of new Set([offsets[day]!, offsets[day + 1]!])) {
        for (const minute of edges) moments.add(FIRST_DAY_MS + day * DAY_MS + minute * MINUTE_MS - offset);
      }
    }
  }
  return [...moments];
}

/** How far local time is ahead of UTC, in ms, at the beginning of each day. */
function offsetsOf(timeZone: string, days: number): number[] {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    hourCycle: 'h23',
  });
  return Array.from({ length: days + 1 }, (_, day) => {
    const utc = FIRST_DAY_MS + day * DAY_MS;
    const parts = new Map(format.formatToParts(utc).map(({ type, value }) => [type, Number(value)]));
    const of = (type: Intl.DateTimeFormatPartTypes): number => parts.get(type)!;
    return Date.UTC(of('year'), of('month') - 1, of('day'), of('hour'), of('minute')) - utc;
  });
}
