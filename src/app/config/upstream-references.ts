/** What routes and the default upstream point at must be there, and must not be the gateway itself. */
import { isLoopback, normaliseAddress } from '../../base/ip-address.ts';
import { nearestHint } from '../../base/nearest-word.ts';
import { EMBEDDED, UNNAMED, urlComplaint } from './upstream-schema.ts';
import { parseUpstreamUrl } from './upstream-url.ts';

/** As much of a configuration as may be there while it is still being checked. */
interface Given {
  readonly upstream?: string | undefined;
  readonly upstreams?:
    | readonly {
        readonly name?: string | undefined;
        readonly targets?: readonly { readonly url?: string | undefined }[] | undefined;
      }[]
    | undefined;
  readonly response?: { readonly quarantine?: { readonly upstream?: string | undefined } | undefined } | undefined;
  readonly routes?:
    | readonly { readonly upstream?: string | undefined; readonly listener?: string | undefined }[]
    | undefined;
  readonly listeners?:
    | readonly {
        readonly name?: string | undefined;
        readonly address?: string | undefined;
        readonly port?: number | undefined;
      }[]
    | undefined;
}

export interface ReferenceProblem {
  readonly path: (string | number)[];
  readonly message: string;
}

export function referenceProblems(given: Given): ReferenceProblem[] {
  const problems: ReferenceProblem[] = [];
  const { upstream, upstreams = [], routes = [], listeners = [] } = given;
  const decoy = given.response?.quarantine?.upstream;
  const names = [...new Set([EMBEDDED, ...upstreams.flatMap(({ name }) => name ?? [])])];
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

function ownListener(url: string, listeners: NonNullable<Given['listeners']>): string | undefined {
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
