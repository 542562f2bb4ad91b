/** What clients may do: the policy file or the ACL file, and what a denied client sees. */
import { resolve } from 'node:path';
import { choice, path, section } from './fields.ts';
import { learnSchema } from './learn-schema.ts';

const ACL_FILE = 'acl';
const SUBSCRIBE = 'contained';

export function authorizationSchema(directory: string) {
  return section({
    policyFile: path(directory)
      .optional()
      .meta({ description: 'Roles, their grants and who has them; recommended. In place of aclFile.' }),
    aclFile: path(directory)
      .optional()
      // Not a default of the field: whether it was given decides whether it contradicts a policy.
      .meta({ description: "Who may read and write which topics, in Mosquitto's syntax.", default: ACL_FILE }),
    subscribe: choice(['contained', 'overlapping']).optional().meta({
      description:
        'With an ACL file. contained: a filter is granted only if everything it can match may be read. overlapping: if anything may; each delivery is checked all the same.',
      default: SUBSCRIBE,
    }),
    shadowFile: path(directory).optional().meta({
      description: 'A candidate policy, asked beside the one in force; what differs is counted, and nothing enforced.',
    }),
    learn: learnSchema
      .prefault({})
      .meta({ description: 'Recording what clients really use, to propose a policy from.' }),
    deniedPublish: choice(['disconnect', 'acknowledge'])
      .prefault('disconnect')
      .meta({ description: 'What MQTT 3 clients see of a denied PUBLISH; MQTT 5 has a reason code for it.' }),
  })
    .superRefine(
      ({ policyFile, aclFile, subscribe }, context) => {
        if (policyFile === undefined) return;
        const complain = (key: string, message: string): void =>
          context.addIssue({ code: 'custom', path: [key], message });
        if (aclFile !== undefined) complain('aclFile', 'does not go with policyFile: keep one of the two');
        if (subscribe !== undefined) {
          complain('subscribe', 'is about an ACL file: a policy grants `subscribe` and `receive` each by itself');
        }
      },
      { when: ({ value }) => typeof value === 'object' && value !== null },
    )
    .transform(({ policyFile, aclFile, subscribe = SUBSCRIBE, shadowFile, learn, deniedPublish }) => ({
      policyFile,
      /** Undefined where there is a policy. */
      aclFile: policyFile === undefined ? (aclFile ?? resolve(directory, ACL_FILE)) : undefined,
      subscribe,
      shadowFile,
      learn,
      deniedPublish,
    }));
}
