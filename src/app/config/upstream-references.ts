/** What routes and the default upstream point at must be there, and must not be the gateway itself. */
import { z } from 'zod';
import { isLoopback, normaliseAddress } from '../../base/ip-address.ts';
import { nearestHint } from '../../base/nearest-word.ts';
import { EMBEDDED, UNNAMED, urlComplaint } from './upstream-schema.ts';
import { parseUpstreamUrl } from './upstream-url.ts';

const text = z.string().optional().catch(undefined);
const listOf = <Shape extends z.ZodRawShape>(shape: Shape) =>
  z.array(z.object(shape).optional().catch(undefined)).catch([]);

/** As much of a configuration as may be there while it is still being checked: what is of another kind is complained of elsewhere. */
const givenSchema = z.object({
  upstream: text,
  upstreams: listOf({ name: text, targets: listOf({ url: text }) }),
  response: z
    .object({ quarantine: z.object({ upstream: text }).optional().catch(undefined) })
    .optional()
    .catch(undefined),
  routes: listOf({ upstream: text, listener: text }),
  listeners: listOf({ name: text, address: text, port: z.number().optional().catch(undefined) }),
});

type Given = z.infer<typeof givenSchema>;

export interface ReferenceProblem {
  readonly path: (string | number)[];
  readonly message: string;
}

/** Of an object, whatever is in it. */
export function referenceProblems(given: object): ReferenceProblem[] {
  const problems: ReferenceProblem[] = [];
  const { upstream, upstreams, routes, listeners, response } = givenSchema.parse(given);
  const decoy = response?.quarantine?.upstream;
  const names = [...new Set([EMBEDDED, ...upstreams.flatMap((one) => one?.name ?? [])])];
  const unknown = (name: string): string => `there is no upstream "${name}"; ${nearestHint(name, names)}`;
  const tellLoop = (path: (string | number)[], url: string): void => {
    const own = ownListener(url, listeners);
    if (own === undefined) return;
    problems.push({ path, message: `is this gateway's own listener ${own}: packets would go round in a circle` });
  };
  if (upstream !== undefined && !names.includes(upstream)) {
    if (upstream.includes('://')) {
      if (parseUpstreamUrl(upstream) !== undefined) tellLoop(['upstream'], upstream);
      else problems.push({ path: ['upstream'], message: urlComplaint(upstream) });
    } else problems.push({ path: ['upstream'], message: unknown(upstream) });
  }
  if (decoy !== undefined && !names.includes(decoy)) {
    problems.push({ path: ['response', 'quarantine', 'upstream'], message: unknown(decoy) });
  }
  for (const [index, route] of routes.entries()) {
    if (route?.upstream !== undefined && !names.includes(route.upstream)) {
      problems.push({ path: ['routes', index, 'upstream'], message: unknown(route.upstream) });
    }
    const { listener } = route ?? {};
    if (listener === undefined || listener.includes('*')) continue;
    if (listeners.some((one) => one?.name === listener)) continue;
    problems.push({ path: ['routes', index, 'listener'], message: `there is no listener "${listener}"` });
  }
  const isUrl = upstream?.includes('://') === true;
  for (const [index, one] of upstreams.entries()) {
    if (isUrl && one?.name === UNNAMED) {
      const message = `the name "${UNNAMED}" is that of the upstream which \`upstream\` gives by its URL: choose another`;
      problems.push({ path: ['upstreams', index, 'name'], message });
    }
    for (const [at, target] of (one?.targets ?? []).entries()) {
      if (target?.url !== undefined) tellLoop(['upstreams', index, 'targets', at, 'url'], target.url);
    }
  }
  return problems;
}

function ownListener(url: string, listeners: Given['listeners']): string | undefined {
  const place = parseUpstreamUrl(url);
  if (place === undefined) return undefined;
  const host = normaliseAddress(place.host) ?? place.host.toLowerCase();
  const isHere = (given: string): boolean => {
    const address = normaliseAddress(given);
    if (address === host) return true;
    const isAny = address === '::' || address === '0.0.0.0';
    const leadsHere = host === 'localhost' || isLoopback(host);
    return leadsHere && (isAny || (host === 'localhost' && isLoopback(given)));
  };
  const own = listeners.find((one) => one?.port === place.port && one.address !== undefined && isHere(one.address));
  return own?.name;
}
