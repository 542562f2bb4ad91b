/** Pages: a cursor says behind what the next page begins, and means nothing to whoever carries it. */
import { z } from 'zod';
import { complaint } from '../config/fields.ts';
import { ControlProblem } from './problem-details.ts';
import { numberText } from './route.ts';

const LIMIT_DEFAULT = 100;
const CURSOR_MAX_CHARS = 1024;
const CURSOR_FORM = 'the `next` of the page before, as it was';

/** The query parameters of a list with pages; spread into a route's own. */
export function pageQuery({ limitMax = 1000 } = {}) {
  return {
    limit: numberText({ min: 1, max: limitMax })
      .optional()
      .meta({ description: `How many at most; ${LIMIT_DEFAULT} where it is absent.` }),
    cursor: z
      .string({ error: ({ input }) => complaint(input, CURSOR_FORM) })
      .max(CURSOR_MAX_CHARS, `give ${CURSOR_FORM}`)
      .optional()
      .meta({ description: 'The `next` of the page before.' }),
  };
}

/** Part of a response with pages. */
export const nextCursor = z.string().nullable().meta({ description: 'Cursor of the next page; null on the last one.' });

interface PageAsked {
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
}

export interface Page<Item> {
  readonly items: readonly Item[];
  readonly next: string | null;
}

export function limitOf({ limit = LIMIT_DEFAULT }: PageAsked): number {
  return limit;
}

/** What the cursor stands for; undefined on the first page. @throws {ControlProblem} where it is none of ours. */
export function cursorOf({ cursor }: PageAsked): string | undefined {
  if (cursor === undefined) return undefined;
  const text = Buffer.from(cursor, 'base64url').toString('utf8');
  if (encodeCursor(text) === cursor) return text;
  throw strangeCursor();
}

/** For a cursor that no page of this list had. */
export function strangeCursor(): ControlProblem {
  const says = `is no cursor: give ${CURSOR_FORM}`;
  return new ControlProblem('invalid-request', `cursor in the query: ${says}.`, {
    errors: [{ in: 'query', at: 'cursor', says }],
  });
}

export function encodeCursor(key: string): string {
  return Buffer.from(key, 'utf8').toString('base64url');
}

/**
 * One page of a list that is in memory, sorted by a unique key, ascending. A key that has gone meanwhile does no harm: the page
 * begins with the next one.
 */
export function pageOf<Item>(all: readonly Item[], asked: PageAsked, keyOf: (item: Item) => string): Page<Item> {
  const limit = limitOf(asked);
  const after = cursorOf(asked);
  const rest = all
    .map((item) => ({ item, key: keyOf(item) }))
    .filter(({ key }) => after === undefined || key > after)
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  const page = rest.slice(0, limit);
  const next = rest.length > limit ? encodeCursor(page.at(-1)!.key) : null;
  return { items: page.map(({ item }) => item), next };
}
