/**
 * What a route of the control API is: one declaration feeds the router, the validation, the authorization, the journal, the
 * OpenAPI document and the generated tests.
 */
import type { Readable } from 'node:stream';
import { z } from 'zod';
import { complaint } from '../config/fields.ts';
import type { SettingChange } from '../config/setting-changes.ts';
import type { Principal } from './principal.ts';
import type { Role, Scope } from './scope.ts';
import type { ControlServices } from './services.ts';

export const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
export type Method = (typeof METHODS)[number];

/** What a handler is given beside its services: parsed, checked, strangers refused. */
export interface RouteInput<Params, Query, Body> {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  /** Lower-case names. Hostile: read only what is needed, and check it. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Address of the peer; undefined on the control socket. */
  readonly address: string | undefined;
  /** Aborts when the asking side has gone: whoever streams or waits stops then. */
  readonly signal: AbortSignal;
}

/** An answer that is more than its content. */
export class Reply<Content> {
  readonly content: Content;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;

  constructor(content: Content, headers: Readonly<Record<string, string | readonly string[]>>) {
    this.content = content;
    this.headers = headers;
  }
}

/** Names an action for the journal: `words` are what was asked, and never hold a secret. */
export interface RouteAction<Input, Answered = unknown> {
  /** Such as `ban-add`. */
  readonly name: string;
  readonly words: (input: Input) => readonly string[];
  /** What is otherwise than before, from the answer; for what nobody could look up afterwards. */
  changes?(answered: Answered): readonly SettingChange[];
}

interface RouteFacts {
  readonly method: Method;
  /** Such as `/v1/bans/{subject}`; every name in braces is a key of `params`. */
  readonly path: `/v1/${string}`;
  /** Unique, camelCase, a verb first. */
  readonly operationId: string;
  /** One sentence. */
  readonly summary: string;
  /** The tag of the OpenAPI document: the resource. */
  readonly tag: string;
  /** The least role that may. `anyone` needs no principal at all, as for the login. */
  readonly role: Role | 'anyone';
  /** Absent where every principal of that role may, whatever its scopes: what concerns only itself. */
  readonly scope?: Scope;
  /** Of the answer; 200, or 204 where there is no content. */
  readonly status?: 200 | 201 | 202 | 204;
  /** Absent for JSON. Else the handler answers with text, or with a stream that is destroyed when the asking side goes. */
  readonly mediaType?: string;
  /** Of the body; absent for 64 KiB. */
  readonly bodyMaxBytes?: number;
  /** Does not count as a request that ends: it has a ceiling of its own, and no deadline. */
  readonly isStream?: boolean;
}

export interface Route<
  Params extends z.ZodType = z.ZodType,
  Query extends z.ZodType = z.ZodType,
  Body extends z.ZodType = z.ZodType,
  Response extends z.ZodType = z.ZodType,
> extends RouteFacts {
  readonly params?: Params;
  readonly query?: Query;
  /** JSON. Absent where the route reads no body, and then refuses one. */
  readonly body?: Body;
  /** Of JSON. Absent where there is no content. */
  readonly response?: Response;
  /** Absent where the route only looks. */
  readonly action?: RouteAction<RouteInput<z.output<Params>, z.output<Query>, z.output<Body>>, z.input<Response>>;
  /**
   * Does it. Throws a `ControlProblem` with the status that fits, or an `OperatorError`, which is answered as 422; anything else
   * is an internal error, of which the asking side learns nothing.
   */
  handler(
    services: ControlServices,
    input: RouteInput<z.output<Params>, z.output<Query>, z.output<Body>>,
    principal: Principal,
  ): Answer<z.input<Response>> | Promise<Answer<z.input<Response>>>;
}

type DeepReadonly<Value> = Value extends object ? { readonly [Key in keyof Value]: DeepReadonly<Value[Key]> } : Value;
type Content<Response> = unknown extends Response ? string | Readable | undefined | void : DeepReadonly<Response>;
type Answer<Response> = Content<Response> | Reply<Content<Response>>;

/** What the router, the document and the tests see of any route. */
export type AnyRoute = Omit<Route, 'handler' | 'action'> & {
  readonly action?: RouteAction<RouteInput<unknown, unknown, unknown>>;
  handler(services: ControlServices, input: RouteInput<unknown, unknown, unknown>, principal: Principal): unknown;
};

/** Declares one; here for the inference of its types. A route for `anyone` is given a principal that has no rights. */
export function route<
  Params extends z.ZodType = z.ZodType,
  Query extends z.ZodType = z.ZodType,
  Body extends z.ZodType = z.ZodType,
  Response extends z.ZodType = z.ZodType,
>(declared: Route<Params, Query, Body, Response>): AnyRoute {
  return declared as unknown as AnyRoute;
}

/** Query parameters are text: a whole number among them. */
export function numberText(range: { min: number; max: number }) {
  const form = `a whole number from ${range.min} to ${range.max}`;
  const wanted = `give ${form}`;
  return z
    .string({ error: ({ input }) => complaint(input, form) })
    .regex(/^\d{1,15}$/, wanted)
    .transform(Number)
    .pipe(z.int().min(range.min, wanted).max(range.max, wanted));
}
