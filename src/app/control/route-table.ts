/** All routes of the control API. A new file of them is one line here; tests, document and authorization follow by themselves. */
import type { AnyRoute } from './route.ts';
import { accountRoutes } from './routes/account-routes.ts';
import { loginRoutes } from './routes/login-routes.ts';
import { metricsRoutes } from './routes/metrics-routes.ts';
import { openApiRoutesOf } from './routes/openapi-routes.ts';
import { operatorRoutes } from './routes/operator-routes.ts';
import { ssoRoutes } from './routes/sso-routes.ts';
import { statusRoutes } from './routes/status-routes.ts';

export const ROUTES: readonly AnyRoute[] = [
  ...statusRoutes,
  ...metricsRoutes,
  ...loginRoutes,
  ...ssoRoutes,
  ...accountRoutes,
  ...operatorRoutes,
  ...openApiRoutesOf(() => ROUTES),
];
