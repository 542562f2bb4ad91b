/** Errors of the control API, as RFC 9457 writes them: what is wrong, where in the request, and the cure. */
import { z } from 'zod';

/** Each kind of error with its status and title. The name is the end of the problem's `type`, and stays what it is. */
export const PROBLEMS = {
  'bad-request': [400, 'The request is not well-formed'],
  'invalid-request': [400, 'The request says something that cannot be'],
  unauthenticated: [401, 'Nobody knows who asks'],
  forbidden: [403, 'This is not permitted'],
  'not-found': [404, 'There is no such thing'],
  'method-not-allowed': [405, 'This cannot be done to it'],
  'request-timeout': [408, 'The request took too long'],
  conflict: [409, 'It is not as the request takes it to be'],
  'too-large': [413, 'The request is too large'],
  'unsupported-media-type': [415, 'The body is of another kind than is read here'],
  'wrong-host': [421, 'This server does not answer to that name'],
  refused: [422, 'It was understood, and not done'],
  'too-many-requests': [429, 'Too many requests'],
  'headers-too-large': [431, 'The headers are too large'],
  internal: [500, 'Something went wrong inside'],
  unavailable: [503, 'Not available now'],
} as const satisfies Record<string, readonly [status: number, title: string]>;
export type ProblemName = keyof typeof PROBLEMS;

/** One place of the request that is wrong. */
export interface RequestFault {
  readonly in: 'path' | 'query' | 'header' | 'body';
  /** Key path in it, such as `limits.publish.bytesPerSecond`; empty where it is meant as a whole. */
  readonly at: string;
  /** One sentence: what is wrong, and what to do. */
  readonly says: string;
}

export const problemSchema = z
  .strictObject({
    type: z.string().meta({ description: 'Names the kind of error; stays what it is from version to version.' }),
    title: z.string(),
    status: z.int().min(400).max(599),
    detail: z.string().meta({ description: 'What is wrong with this request, and what to do.' }),
    instance: z.string().meta({ description: 'Names this answer in the log.' }),
    errors: z
      .array(
        z.strictObject({
          in: z.enum(['path', 'query', 'header', 'body']),
          at: z.string(),
          says: z.string(),
        }),
      )
      .optional()
      .meta({ description: 'Every place of the request that is wrong.' }),
  })
  .meta({ title: 'Problem' });
export type ProblemDetails = z.infer<typeof problemSchema>;

interface ProblemExtras {
  readonly errors?: readonly RequestFault[];
  readonly headers?: Readonly<Record<string, string>>;
  /** Who refuses, in the record; the kind where nothing is said. */
  readonly by?: string | undefined;
}

/** Thrown by whoever handles a request. Its message is fit for the asking side. */
export class ControlProblem extends Error {
  override readonly name = 'ControlProblem';
  readonly kind: ProblemName;
  readonly errors: readonly RequestFault[] | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** Who refuses, in the record. */
  readonly by: string;

  constructor(kind: ProblemName, says: string, { errors, headers = {}, by = kind }: ProblemExtras = {}) {
    super(says);
    this.kind = kind;
    this.errors = errors;
    this.headers = headers;
    this.by = by;
  }

  get status(): number {
    return PROBLEMS[this.kind][0];
  }

  /** `instance` is how the log names the answer. */
  details(instance: string): ProblemDetails {
    const [status, title] = PROBLEMS[this.kind];
    return {
      type: `urn:sallyport:problem:${this.kind}`,
      title,
      status,
      detail: this.message,
      instance,
      ...(this.errors === undefined ? {} : { errors: [...this.errors] }),
    };
  }
}

export const PROBLEM_MEDIA_TYPE = 'application/problem+json';
