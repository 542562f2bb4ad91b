/** The OpenAPI 3.1 document of the control API, made from the table of routes. */
import { z } from 'zod';
import { VERSION } from '../version.ts';
import { PROBLEM_MEDIA_TYPE, problemSchema } from './problem-details.ts';
import type { AnyRoute } from './route.ts';

type Json = Readonly<Record<string, unknown>>;

/** Answers that any route may give instead of its own. */
const PROBLEMS_OF_ALL = {
  '400': ['WrongRequest', 'The request is wrong; `errors` says where.'],
  '401': ['Unauthenticated', 'Nobody knows who asks.'],
  '403': ['Forbidden', 'Whoever asks may not.'],
  '429': ['TooManyRequests', 'Too many requests; `Retry-After` says how long to wait.'],
  default: ['OtherProblem', 'Anything else that is wrong.'],
} as const;

const PROBLEM_CONTENT = { [PROBLEM_MEDIA_TYPE]: { schema: { $ref: '#/components/schemas/Problem' } } };

function schemaOf(schema: z.ZodType): Json {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return rest;
}

interface ObjectSchema {
  readonly properties?: Readonly<Record<string, Json>>;
  readonly required?: readonly string[];
}

function parametersOf(schema: z.ZodType | undefined, where: 'path' | 'query'): Json[] {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = schemaOf(schema) as ObjectSchema;
  return Object.entries(properties).map(([name, { description, ...inner }]) => ({
    name,
    in: where,
    ...(description === undefined ? {} : { description }),
    required: where === 'path' || required.includes(name),
    schema: inner,
  }));
}

function answerOf({ response, mediaType, status }: AnyRoute): Json {
  if (mediaType !== undefined) {
    return { '200': { description: 'Done.', content: { [mediaType]: { schema: { type: 'string' } } } } };
  }
  if (response === undefined) return { [status ?? 204]: { description: 'Done.' } };
  return {
    [status ?? 200]: { description: 'Done.', content: { 'application/json': { schema: schemaOf(response) } } },
  };
}

function operationOf(route: AnyRoute): Json {
  const { operationId, summary, tag, role, scope, params, query, body } = route;
  const parameters = [...parametersOf(params, 'path'), ...parametersOf(query, 'query')];
  return {
    operationId,
    summary,
    tags: [tag],
    ...(role === 'anyone' ? { security: [] } : {}),
    'x-role': role,
    ...(scope === undefined ? {} : { 'x-scope': scope }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: schemaOf(body) } } } }),
    responses: {
      ...answerOf(route),
      ...Object.fromEntries(
        Object.entries(PROBLEMS_OF_ALL).map(([status, [name]]) => [status, { $ref: `#/components/responses/${name}` }]),
      ),
    },
  };
}

export function openApiDocument(routes: readonly AnyRoute[]): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of routes) {
    paths[route.path] ??= {};
    paths[route.path]![route.method.toLowerCase()] = operationOf(route);
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Sallyport control API',
      version: VERSION,
      description:
        'Over the control socket of the data directory, whoever can open it is the local operator. Over HTTPS, where `control.port` is configured, an operator comes with a session, a token or a client certificate. Every operation names the least role (`x-role`) and the scope (`x-scope`) that it needs.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/', description: 'The control socket, or the HTTPS listener.' }],
    security: [{ token: [] }, { session: [] }, { certificate: [] }],
    tags: [...new Set(routes.map(({ tag }) => tag))].sort().map((name) => ({ name })),
    paths,
    components: {
      schemas: { Problem: schemaOf(problemSchema) },
      responses: Object.fromEntries(
        Object.values(PROBLEMS_OF_ALL).map(([name, description]) => [name, { description, content: PROBLEM_CONTENT }]),
      ),
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'An API token.' },
        session: { type: 'apiKey', in: 'cookie', name: '__Host-sallyport', description: 'The session of a login.' },
        certificate: { type: 'mutualTLS', description: 'A certificate of the configured client CA.' },
      },
    },
  };
}
