/**
 * The control API as one application: routes, validation, authorization and journal over fastify. It owns no socket; listeners
 * hand it requests, each with how its asking side is recognised.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { parse as parseQuery } from 'node:querystring';
import { Readable } from 'node:stream';
import { type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import type { Timer } from '../../base/clock.ts';
import type { OperatorAction } from '../observability/operator-action.ts';
import { demandPermission } from './permission.ts';
import type { Authenticator, ClientCertificate, Principal } from './principal.ts';
import { answerProblem, pathOf, problemOf, SAFE_HEADERS, tellProblem } from './problem-answer.ts';
import { ControlProblem, PROBLEM_MEDIA_TYPE } from './problem-details.ts';
import { hasBody } from './request-body.ts';
import { checkedParts } from './request-faults.ts';
import { type AnyRoute, Reply, type RouteInput } from './route.ts';
import type { ControlServices } from './services.ts';

export const BODY_MAX_BYTES = 64 * 1024;
const QUERY_KEYS_MAX = 64;
/** A parameter of a path, as it was sent: user names have up to 64 KiB in MQTT, and none so long is managed here. */
const PARAMETER_MAX_CHARS = 1024;
/** In one piece. */
const ROUTES_AT_ONCE = 5;
/** How soon an answer that goes on ends for whoever may no longer. */
const LOOK_AGAIN_MS = 5000;
const JSON_TYPE = 'application/json';

/** How a listener knows who asks. */
export interface RequestSource {
  readonly authenticator: Authenticator;
  /** Undefined on the control socket. */
  readonly address: string | undefined;
  readonly certificate: ClientCertificate | undefined;
}

export interface ControlApp {
  /** Answers the request, whatever it is. */
  handle(request: IncomingMessage, response: ServerResponse, source: RequestSource): void;
}

export interface ControlAppOptions {
  readonly services: ControlServices;
  readonly routes: readonly AnyRoute[];
  /** Holds every answer against its schema, for tests: one that differs is an internal error then. */
  readonly checksAnswers?: boolean;
  /** Awaited between pieces of the work. */
  readonly pause?: () => Promise<void>;
}

declare module 'fastify' {
  interface FastifyRequest {
    principal: Principal | undefined;
  }
}

export async function makeControlApp({
  services,
  routes,
  checksAnswers,
  pause,
}: ControlAppOptions): Promise<ControlApp> {
  const sources = new WeakMap<IncomingMessage, RequestSource>();
  const app = fastify({
    logger: false,
    bodyLimit: BODY_MAX_BYTES,
    exposeHeadRoutes: false,
    genReqId: () => services.chance.bytes(9).toString('base64url'),
    requestIdHeader: false,
    // Requests are held against our own schemas, and fastify has none: its validator and serializer need not be loaded.
    schemaController: { compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas } },
    routerOptions: {
      maxParamLength: PARAMETER_MAX_CHARS,
      querystringParser: (text) => parseQuery(text, '&', '=', { maxKeys: QUERY_KEYS_MAX }),
    },
    frameworkErrors: (error, { raw }, reply) => {
      answerProblem(services, raw, reply.raw, error, sources.get(raw)?.address);
    },
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(JSON_TYPE, { parseAs: 'buffer' }, (_request, body, done) => {
    try {
      done(null, readJson(body as Buffer));
    } catch (error) {
      done(error as Error);
    }
  });
  app.decorateRequest('principal', undefined);

  const sourceOf = (request: FastifyRequest): RequestSource => sources.get(request.raw)!;

  const authenticate = async (request: FastifyRequest, route: AnyRoute, isGoingOn = false): Promise<Principal> => {
    const { authenticator, address, certificate } = sourceOf(request);
    const { method, headers, raw } = request;
    const path = pathOf(raw);
    const outcome = await authenticator.authenticate({ method, path, headers, address, certificate, isGoingOn });
    // A login must not fail for the old session that the browser still sends.
    if (outcome.kind === 'refused' && route.role !== 'anyone') {
      if (outcome.retryAfterS !== undefined) {
        throw new ControlProblem('too-many-requests', outcome.says, {
          headers: { 'retry-after': String(outcome.retryAfterS) },
        });
      }
      throw new ControlProblem('unauthenticated', outcome.says, {
        headers: { 'www-authenticate': authenticator.challenge ?? 'Bearer realm="sallyport", error="invalid_token"' },
        by: outcome.by,
      });
    }
    const principal = outcome.kind === 'known' ? outcome.principal : undefined;
    request.principal = principal;
    return demandPermission(route, principal, authenticator.challenge);
  };

  for (const [i, route] of routes.entries()) {
    if (i % ROUTES_AT_ONCE === 0) await pause?.();
    app.route({
      method: route.method,
      url: route.path.replaceAll(/\{(\w+)\}/g, ':$1'),
      ...(route.bodyMaxBytes === undefined ? {} : { bodyLimit: route.bodyMaxBytes }),
      // Before the body is read: whoever may not is not worth the memory.
      onRequest: async (request) => {
        request.principal = await authenticate(request, route);
        if (route.body === undefined && hasBody(request.raw)) {
          throw new ControlProblem('bad-request', 'This takes no body: send it without.');
        }
      },
      handler: (request, reply) => obey(route, request, reply),
    });
  }

  /** What goes on for days has to end with the session, token or role that it was asked with. */
  const endWithRights = (route: AnyRoute, request: FastifyRequest, content: Readable): void => {
    const lookLater = (): Timer =>
      services.clock.after(LOOK_AGAIN_MS, () => {
        authenticate(request, route, true).then(
          () => {
            if (!content.destroyed) timer = lookLater();
          },
          () => content.destroy(),
        );
      });
    let timer = lookLater();
    content.once('close', () => timer.cancel());
  };

  const obey = async (route: AnyRoute, request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const { params, query, body } = checkedParts(route, request);
    const principal = request.principal!;
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort());
    const { address } = sourceOf(request);
    const input = { params, query, body, headers: request.headers, address, signal: gone.signal };
    const given = await journaled(services, route, input, principal, () => route.handler(services, input, principal));
    const { content, headers } = given instanceof Reply ? given : new Reply(given, {});
    reply.headers(headers as Record<string, string>);
    if (content instanceof Readable) endWithRights(route, request, content);
    if (route.mediaType !== undefined) {
      return reply
        .status(200)
        .type(route.mediaType)
        .send(content as string | Readable);
    }
    if (route.response === undefined) return reply.status(route.status ?? 204).send();
    if (checksAnswers === true) route.response.parse(content);
    return reply
      .status(route.status ?? 200)
      .type(JSON_TYPE)
      .send(Buffer.from(JSON.stringify(content)));
  };

  app.addHook('onSend', async (_request, reply, payload) => {
    for (const [name, value] of Object.entries(SAFE_HEADERS)) if (!reply.hasHeader(name)) reply.header(name, value);
    return payload;
  });
  app.setNotFoundHandler((request) => {
    const path = pathOf(request.raw);
    const methods = methodsAt(routes, path);
    if (methods.length === 0) {
      throw new ControlProblem('not-found', `There is nothing at ${path}; /v1/openapi.json lists all there is.`);
    }
    const verb = methods.length === 1 ? 'is' : 'are';
    throw new ControlProblem(
      'method-not-allowed',
      `${request.method} is not done here; ${methods.join(', ')} ${verb}.`,
      {
        headers: { allow: methods.join(', ') },
      },
    );
  });
  app.setErrorHandler((error, request, reply) => {
    const problem = problemOf(error);
    const instance = `urn:sallyport:request:${request.id}`;
    const { address } = sourceOf(request);
    tellProblem(services, problem, error, {
      request: request.raw,
      instance,
      address,
      operator: request.principal?.name,
    });
    // What is left of the body is not read.
    if (problem.status === 413) reply.header('connection', 'close');
    return reply
      .status(problem.status)
      .headers(problem.headers)
      .type(PROBLEM_MEDIA_TYPE)
      .send(Buffer.from(JSON.stringify(problem.details(instance))));
  });
  await pause?.();
  await app.ready();

  return {
    handle(request, response, source) {
      sources.set(request, source);
      app.routing(request, response);
    },
  };
}

function methodsAt(routes: readonly AnyRoute[], path: string): string[] {
  const steps = path.split('/');
  const fits = (declared: string): boolean => {
    const own = declared.split('/');
    return own.length === steps.length && own.every((step, i) => step.startsWith('{') || step === steps[i]);
  };
  return routes.filter((route) => fits(route.path)).map(({ method }) => method);
}

function noSchemas(): never {
  throw new Error('A route has a schema of fastify: give it one of ours.');
}

function readJson(body: Buffer): unknown {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    throw new ControlProblem('bad-request', 'The body is not UTF-8 text.');
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ControlProblem('bad-request', `The body is no JSON (${(error as Error).message}): send one JSON value.`);
  }
}

/** What came of a route that is an action goes into the journal, whatever it was. */
async function journaled(
  { onAction }: ControlServices,
  route: AnyRoute,
  input: RouteInput<unknown, unknown, unknown>,
  { name: by, from }: Principal,
  run: () => unknown,
): Promise<unknown> {
  if (route.action === undefined) return run();
  const action = { name: route.action.name, by, from, words: route.action.words(input) };
  const told = (outcome: Pick<OperatorAction, 'outcome' | 'says' | 'changes'>): void =>
    onAction({ ...action, ...outcome });
  try {
    const content = await run();
    const changes = route.action.changes?.(content instanceof Reply ? content.content : content);
    told({ outcome: 'done', ...(changes === undefined ? {} : { changes }) });
    return content;
  } catch (error) {
    told({ outcome: 'refused', says: error instanceof Error ? error.message : String(error) });
    throw error;
  }
}
