/** All routes of the control API. A new file of them is one line here; tests, document and authorization follow by themselves. */
import type { AnyRoute } from './route.ts';
import { accountRoutes } from './routes/account-routes.ts';
import { alertRoutes } from './routes/alert-routes.ts';
import { auditRoutes } from './routes/audit-routes.ts';
import { banRoutes } from './routes/ban-routes.ts';
import { clientRoutes } from './routes/client-routes.ts';
import { eventRoutes } from './routes/event-routes.ts';
import { incidentRoutes } from './routes/incident-routes.ts';
import { journalRoutes } from './routes/journal-routes.ts';
import { learningRoutes } from './routes/learning-routes.ts';
import { limitRoutes } from './routes/limit-routes.ts';
import { loginRoutes } from './routes/login-routes.ts';
import { metricsRoutes } from './routes/metrics-routes.ts';
import { openApiRoutesOf } from './routes/openapi-routes.ts';
import { operatorRoutes } from './routes/operator-routes.ts';
import { passkeyRoutes } from './routes/passkey-routes.ts';
import { policyRoutes } from './routes/policy-routes.ts';
import { quarantineRoutes } from './routes/quarantine-routes.ts';
import { recorderRoutes } from './routes/recorder-routes.ts';
import { sessionRoutes } from './routes/session-routes.ts';
import { ssoRoutes } from './routes/sso-routes.ts';
import { statusRoutes } from './routes/status-routes.ts';
import { topRoutes } from './routes/top-routes.ts';
import { upstreamRoutes } from './routes/upstream-routes.ts';
import { userRoutes } from './routes/user-routes.ts';

export const ROUTES: readonly AnyRoute[] = [
  ...statusRoutes,
  ...topRoutes,
  ...clientRoutes,
  ...sessionRoutes,
  ...quarantineRoutes,
  ...eventRoutes,
  ...recorderRoutes,
  ...metricsRoutes,
  ...loginRoutes,
  ...ssoRoutes,
  ...passkeyRoutes,
  ...accountRoutes,
  ...operatorRoutes,
  ...upstreamRoutes,
  ...limitRoutes,
  ...banRoutes,
  ...policyRoutes,
  ...learningRoutes,
  ...alertRoutes,
  ...incidentRoutes,
  ...journalRoutes,
  ...userRoutes,
  ...auditRoutes,
  ...openApiRoutesOf(() => ROUTES),
];
