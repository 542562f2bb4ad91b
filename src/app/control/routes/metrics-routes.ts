/** The numbers of the gateway, for whoever has access to the API and no scraper. */
import { ControlProblem } from '../problem-details.ts';
import { type AnyRoute, route } from '../route.ts';

export const metricsRoutes: readonly AnyRoute[] = [
  route({
    method: 'GET',
    path: '/v1/metrics',
    operationId: 'getMetrics',
    summary: "All metrics in Prometheus' text format.",
    tag: 'metrics',
    role: 'viewer',
    scope: 'metrics:read',
    mediaType: 'text/plain; version=0.0.4; charset=utf-8',
    handler: ({ metricsText }) => {
      if (metricsText === undefined) throw new ControlProblem('unavailable', 'This gateway keeps no metrics.');
      return metricsText();
    },
  }),
];
