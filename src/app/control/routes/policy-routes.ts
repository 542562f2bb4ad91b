/** What the policy says, why, whether it keeps its assertions, what another one would change, and what a candidate would. */
import { z } from 'zod';
import { normaliseAddress } from '../../../base/ip-address.ts';
import { checkTopicFilter, checkTopicName, sharedFilter } from '../../../mqtt/topic.ts';
import type { Subject } from '../../../policy/authorization/decision.ts';
import type { Question } from '../../../policy/authorization/policy-explain.ts';
import { choice, flag, list, section, text, wholeNumber } from '../../config/fields.ts';
import { OperatorError } from '../../config/problem.ts';
import { silentWorkersSchema } from '../../silent-workers.ts';
import type { PolicySource } from '../heavy/task.ts';
import { workApart } from '../heavy/work.ts';
import { ControlProblem, type RequestFault } from '../problem-details.ts';
import { type AnyRoute, route } from '../route.ts';
import type { ControlServices } from '../services.ts';
import { timeText } from '../time-text.ts';

const POLICY_TEXT_MAX_BYTES = 4 * 1024 * 1024;
const NAMES_MAX = 256;
const PAYLOAD_MAX_BYTES = 268_435_455;

const name = text({ pattern: /^[^\0]{1,66000}$/, wanted: 'a text of at least one character' });
const policyText = text({ pattern: /^[^\0]+$/, wanted: 'the text of a policy file' });
const names = (what: string) => list(name, { min: 0, max: NAMES_MAX, what }).optional();

const actionSchema = z.enum(['publish', 'subscribe', 'receive']);
const grantSchema = z.strictObject({ file: z.string(), line: z.int(), role: z.string(), grant: z.string() });
const subjectSchema = z.strictObject({
  username: z.string().optional(),
  clientId: z.string(),
  roles: z.array(z.string()).optional(),
  groups: z.array(z.string()).optional(),
  attributes: z.record(z.string(), z.string()).optional(),
  listener: z.string().optional(),
  address: z.string().optional(),
  secure: z.boolean().optional(),
});

const explanationSchema = z.strictObject({
  allowed: z.boolean(),
  by: z.string().meta({ description: 'The author of the decision, as events name it.' }),
  decided: grantSchema.optional().meta({ description: 'The grant that decided; absent where none did.' }),
  remark: z.string().optional(),
  roles: z.array(z.strictObject({ role: z.string(), through: z.string() })),
  near: z.array(grantSchema.extend({ obstacles: z.array(z.string()) })),
  changes: z.array(z.string()).meta({ description: 'What would have to change for the opposite, each by itself.' }),
});

const proofSchema = z.strictObject({
  file: z.string(),
  line: z.int(),
  assertion: z.string(),
  outcome: z.enum(['holds', 'broken', 'undecided']),
  says: z.string().optional(),
  counterexample: z
    .strictObject({
      subject: subjectSchema,
      action: actionSchema,
      topic: z.string(),
      qos: z.int(),
      retain: z.boolean(),
      payloadBytes: z.int(),
      at: z.string(),
      by: grantSchema.optional(),
    })
    .optional()
    .meta({ description: 'A client and a message that break it.' }),
});

const warningSchema = z.strictObject({
  kind: z.enum(['unreachable', 'subsumed', 'unheld', 'broker-topics', 'tenants', 'not-looked-for']),
  file: z.string(),
  line: z.int(),
  says: z.string(),
});

const differenceSchema = z.strictObject({
  role: z.string(),
  is: z.enum(['new', 'gone', 'changed']),
  changes: z.array(
    z.strictObject({
      action: actionSchema,
      becomes: z.enum(['allowed', 'denied', 'barred', 'unbarred']),
      filter: z.string(),
      except: z.array(z.string()),
      when: z.string(),
    }),
  ),
  assigned: z.array(z.string()),
  unassigned: z.array(z.string()),
});

const shadowSchema = z.strictObject({
  candidate: z.string(),
  sinceMs: z.number(),
  compared: z.int(),
  wouldAllow: z.int(),
  wouldDeny: z.int(),
  forgotten: z.int(),
  differences: z.array(
    z.strictObject({
      kind: z.enum(['would allow', 'would deny']),
      action: actionSchema,
      active: z.string(),
      candidate: z.string(),
      times: z.int(),
      firstMs: z.number(),
      lastMs: z.number(),
      example: z.strictObject({ topic: z.string(), clientId: z.string(), username: z.string().optional() }),
    }),
  ),
});

const questionBody = section({
  action: choice(['publish', 'subscribe', 'receive']),
  topic: name.meta({ description: 'A topic name; with `subscribe` a topic filter.' }),
  username: name.optional().meta({ description: 'Absent for the anonymous client.' }),
  clientId: name.optional(),
  roles: names('roles').meta({ description: 'That the identity brings.' }),
  groups: names('groups'),
  attributes: z
    .record(z.string(), z.string())
    .optional()
    .meta({ description: 'What placeholders name, such as `cert.cn`.' }),
  listener: name.optional(),
  address: name.optional(),
  tls: flag().optional(),
  qos: wholeNumber({ min: 0, max: 2 }).optional(),
  retain: flag().optional(),
  payloadBytes: wholeNumber({ min: 0, max: PAYLOAD_MAX_BYTES }).optional(),
  at: timeText.optional().meta({ description: 'When, ISO 8601; now where it is absent.' }),
  policy: policyText.optional().meta({ description: 'Text of a policy; the one in force where it is absent.' }),
});
type Asked = z.output<typeof questionBody>;

export const policyRoutes: readonly AnyRoute[] = [
  route({
    method: 'POST',
    path: '/v1/policy/explain',
    operationId: 'explainPolicy',
    summary: 'Whether a client may do something, which grant decides, which came near, and what would have to change.',
    tag: 'policy',
    role: 'viewer',
    scope: 'policy:read',
    bodyMaxBytes: POLICY_TEXT_MAX_BYTES,
    body: questionBody,
    response: explanationSchema,
    handler: (services, { body, signal }) => {
      const { clock } = services;
      const question = questionOf(body);
      const asked = {
        policy: sourceOf(services, body.policy),
        subject: subjectOf(services, body),
        question,
        atEpochMs: body.at ?? clock.epochMs(),
      };
      return workApart('explain', asked, { clock, signal });
    },
  }),
  route({
    method: 'POST',
    path: '/v1/policy/test',
    operationId: 'testPolicy',
    summary: 'Proves the assertions of a policy, and others, over all clients, topics, messages and times.',
    tag: 'policy',
    role: 'viewer',
    scope: 'policy:read',
    bodyMaxBytes: POLICY_TEXT_MAX_BYTES,
    body: section({
      policy: policyText.optional().meta({ description: 'Text of a policy; the one in force where it is absent.' }),
      assertions: policyText.optional().meta({ description: 'Text of an assertion file, to be proven as well.' }),
    }),
    response: z.strictObject({
      ok: z.boolean().meta({ description: 'All assertions hold.' }),
      assertions: z.array(proofSchema),
      warnings: z.array(warningSchema),
    }),
    handler: async (services, { body, signal }) => {
      const { role } = services.inForce().config.response.quarantine;
      const givenRole = body.policy === undefined ? role : undefined;
      const asked = { policy: sourceOf(services, body.policy), assertions: body.assertions, givenRole };
      const { assertions, warnings } = await workApart('test', asked, { clock: services.clock, signal });
      return { ok: assertions.every(({ outcome }) => outcome === 'holds'), assertions, warnings };
    },
  }),
  route({
    method: 'POST',
    path: '/v1/policy/diff',
    operationId: 'diffPolicy',
    summary: 'What becomes allowed and denied to each role if another policy took the place of the one in force.',
    tag: 'policy',
    role: 'viewer',
    scope: 'policy:read',
    bodyMaxBytes: POLICY_TEXT_MAX_BYTES,
    body: section({ policy: policyText.meta({ description: 'Text of the other policy.' }) }),
    response: z.strictObject({ same: z.boolean(), roles: z.array(differenceSchema) }),
    handler: async (services, { body, signal }) => {
      const asked = { before: sourceOf(services, undefined), after: sourceOf(services, body.policy) };
      const roles = await workApart('diff', asked, { clock: services.clock, signal });
      return { same: roles.length === 0, roles };
    },
  }),
  route({
    method: 'GET',
    path: '/v1/policy/shadow',
    operationId: 'getShadow',
    summary: 'Where the candidate policy would decide otherwise than the one in force; null where none runs.',
    tag: 'policy',
    role: 'viewer',
    scope: 'policy:read',
    response: z.strictObject({
      shadow: shadowSchema.nullable(),
      silentWorkers: silentWorkersSchema('What they have compared is missing here.'),
    }),
    handler: async ({ gateway }) => {
      const { report = null, silent } = await gateway.watching.shadow();
      return { shadow: report, silentWorkers: [...silent] };
    },
  }),
];

function sourceOf({ inForce }: ControlServices, given: string | undefined): PolicySource {
  if (given !== undefined) return { name: 'policy', text: given };
  const { policyFile } = inForce().config.authorization;
  if (policyFile !== undefined) return { file: policyFile };
  throw new OperatorError(
    'The configuration names an ACL file and no policy: set authorization.policyFile, or send the text of a policy.',
  );
}

function wrong(at: string, says: string): ControlProblem {
  const errors: readonly RequestFault[] = [{ in: 'body', at, says }];
  return new ControlProblem('invalid-request', `${at} in the body: ${says}`, { errors });
}

function questionOf({ action, topic, qos = 0, retain = false, payloadBytes = 0 }: Asked): Question {
  const fault = action === 'subscribe' ? checkTopicFilter(topic) : checkTopicName(topic);
  if (fault !== undefined) throw wrong('topic', fault.says);
  const filter = action === 'subscribe' ? (sharedFilter(topic)?.filter ?? topic) : topic;
  return { action, topic: filter, facts: { qos: qos as 0 | 1 | 2, retain, payloadBytes } };
}

function subjectOf({ inForce }: ControlServices, body: Asked): Subject {
  const { username, clientId = '', roles = [], groups = [], attributes = {}, listener } = body;
  const address = body.address === undefined ? undefined : normaliseAddress(body.address);
  if (body.address !== undefined && address === undefined)
    throw wrong('address', 'is none: give one such as 192.0.2.7.');
  const known = inForce().config.listeners.find((each) => each.name === listener);
  if (listener !== undefined && body.policy === undefined && known === undefined) {
    const all = inForce().config.listeners.map((each) => each.name);
    throw wrong('listener', `there is no listener ${listener}; there are: ${all.join(', ')}.`);
  }
  const isSecure = body.tls ?? (known?.type === 'tls' || known?.type === 'wss');
  return {
    username,
    clientId,
    roles,
    groups,
    attributes,
    secure: isSecure,
    ...(listener === undefined ? {} : { listener }),
    ...(address === undefined ? {} : { address }),
  };
}
