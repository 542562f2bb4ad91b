/** How the family P judges what probes have seen. Nothing that could not be tried is a pass. */
import type { Evaluate } from '../../model/check.ts';
import { shownEvidence } from '../../model/evidence-text.ts';
import { type Fact, unknown } from '../../model/fact.ts';
import {
  type Evidence,
  fail,
  judge,
  notApplicable,
  type Outcome,
  type Outcomes,
  pass,
  unassessed,
} from '../../model/outcome.ts';
import type { ProbeFacts } from '../../probe/facts.ts';
import type { Answer } from '../../probe/session.ts';
import type { PROBES } from './catalogue.ts';

/** From here on a reason code is a refusal. */
const REFUSED_FROM = 0x80;
const KEEP_ALIVE_MAX_S = 65_535;
/** What the probe tries where CONNACK does not tell. */
const TRIED_BYTES = 64 * 1024 * 1024;

type Judging<T> = (value: T, proof: (observed: string) => Evidence) => Outcome;

/** Judges what one probe brought. */
function probed<T>(facts: ProbeFacts, fact: Fact<T>, expected: string, judgeIt: Judging<T>): Outcomes {
  const { port, url } = facts.endpoint;
  const proof = (observed: string): Evidence => ({
    observed: shownEvidence(observed),
    expected,
    method: `probed ${url}`,
  });
  const outcomes = judge(
    fact,
    (value) => judgeIt(value, proof),
    () => unassessed(unknown('unreachable', 'It was not probed.')),
  );
  return ([outcomes].flat() as Outcome[]).map((outcome) => ({ ...outcome, confidence: 'probe' as const, port }));
}

/** Fails for this reason where the value says so. */
function failsIf<T>(reason: string, isBad: (value: T) => boolean, says: (value: T) => string): Judging<T> {
  return (value, proof) => (isBad(value) ? fail(reason, proof(says(value))) : pass(proof(says(value))));
}

function said(answer: Answer): string {
  return answer === 'closed' ? 'the connection was closed' : `code 0x${answer.toString(16).padStart(2, '0')}`;
}

function isTaken(answer: Answer): boolean {
  return answer !== 'closed' && answer < REFUSED_FROM;
}

function isAnybodyLetIn({ anyPassword }: ProbeFacts): boolean {
  return anyPassword.state === 'known' && anyPassword.value === 0;
}

function anybody({ endpoint }: ProbeFacts): Outcome {
  const place = { confidence: 'probe' as const, port: endpoint.port };
  return notApplicable('any-password', 'Any name and password is let in: P02 says so.', place);
}

export const PROBE_EVALUATORS: { readonly [Id in keyof typeof PROBES]: Evaluate<ProbeFacts> } = {
  P01: (facts) =>
    probed(
      facts,
      facts.anonymous,
      'a refusal',
      failsIf(
        'anonymous-allowed',
        ({ v311, v5 }) => v311 === 0 || v5 === 0,
        ({ v311, v5 }) => `CONNECT without a name: ${said(v311)} (3.1.1), ${said(v5)} (5.0)`,
      ),
    ),
  P02: (facts) =>
    probed(
      facts,
      facts.anyPassword,
      'a refusal',
      failsIf(
        'any-password',
        (answer) => answer === 0,
        (answer) => `a made-up login is answered with ${said(answer)}`,
      ),
    ),
  P03: (facts) =>
    isAnybodyLetIn(facts)
      ? anybody(facts)
      : probed(
          facts,
          facts.defaults,
          'all refused',
          failsIf(
            'default-login',
            (accepted) => accepted.length > 0,
            (accepted) => `vendors’ default logins that are let in: ${accepted.join(', ') || 'none'}`,
          ),
        ),
  P04: (facts) =>
    probed(
      facts,
      facts.readable,
      'no delivery',
      failsIf(
        'reads-everything',
        (filters) => filters.length > 0,
        (filters) => `filters through which a message of another came: ${filters.join(', ') || 'none'}`,
      ),
    ),
  P05: (facts) =>
    probed(
      facts,
      facts.sys,
      'no topic',
      failsIf(
        'sys-readable',
        ({ topics }) => topics > 0,
        ({ topics, version }) =>
          `${topics} topics of $SYS${version === undefined ? '' : `, among them the version: ${version}`}`,
      ),
    ),
  P06: (facts) =>
    probed(
      facts,
      facts.published,
      'a refusal, or no delivery',
      failsIf(
        'publishes-anywhere',
        ({ isDelivered }) => isDelivered,
        ({ answer, isDelivered }) =>
          `PUBLISH to a topic that nobody uses: ${said(answer)}, ${isDelivered ? '' : 'not '}delivered`,
      ),
    ),
  P07: (facts) =>
    probed(
      facts,
      facts.control,
      'refusals',
      failsIf(
        'control-writable',
        (answers) => Object.values(answers).some(isTaken),
        (answers) =>
          Object.entries(answers)
            .map(([root, answer]) => `${root}: ${said(answer)}`)
            .join(', '),
      ),
    ),
  P08: (facts) =>
    probed(
      facts,
      facts.retained,
      'not kept',
      failsIf(
        'retains-anywhere',
        (isKept) => isKept,
        (isKept) => `a retained message on a topic that nobody uses was ${isKept ? '' : 'not '}kept`,
      ),
    ),
  P09: (facts) =>
    probed(
      facts,
      facts.packetLimit,
      'a size within the profile',
      failsIf(
        'large-packets',
        (bytes) => bytes === 0 || bytes > Math.max(facts.profile.packetSizeMax, TRIED_BYTES),
        (bytes) => (bytes === 0 ? 'a packet of 64 MB was awaited' : `at most ${bytes} bytes`),
      ),
    ),
  P10: (facts) =>
    probed(
      facts,
      facts.takeover,
      'the first one stays',
      failsIf(
        'takeover',
        (isPutOut) => isPutOut,
        (isPutOut) => `another user with the same client identifier put the first one out: ${isPutOut ? 'yes' : 'no'}`,
      ),
    ),
  P11: (facts) =>
    probed(
      facts,
      facts.inheritance,
      'nothing',
      failsIf(
        'inherits-session',
        (isHeard) => isHeard,
        (isHeard) => `another user with the same client identifier was handed ${isHeard ? 'what waited' : 'nothing'}`,
      ),
    ),
  P12: (facts) =>
    isAnybodyLetIn(facts)
      ? anybody(facts)
      : probed(
          facts,
          facts.throttling,
          'delays, refusals without an answer, or a ban',
          failsIf(
            'no-throttling',
            ({ attempts, answered }) => answered === attempts,
            ({ attempts, answered }) => `${answered} of ${attempts} wrong passwords were answered like the first`,
          ),
        ),
  P13: (facts) =>
    probed(
      facts,
      facts.silence,
      'closed within 30 seconds',
      failsIf(
        'silence-tolerated',
        (seconds) => seconds === 'later',
        (seconds) => (seconds === 'later' ? 'open for 31 seconds without a word' : `closed after ${seconds} seconds`),
      ),
    ),
  P14: (facts) =>
    probed(
      facts,
      facts.keepAlive,
      'a Server Keep Alive',
      failsIf(
        'unlimited-keep-alive',
        (seconds) => seconds === undefined || seconds === 0 || seconds >= KEEP_ALIVE_MAX_S,
        (seconds) => `a client that asks for no keep-alive is given ${seconds === undefined ? 'none' : `${seconds} s`}`,
      ),
    ),
  P15: (facts) =>
    probed(
      facts,
      facts.clientIds,
      'a refusal of 1500 bytes',
      failsIf(
        'long-client-id',
        ({ long }) => long === 0,
        ({ empty, long }) => `empty: ${said(empty)}; 1500 bytes: ${said(long)}`,
      ),
    ),
  P16: (facts) => {
    const { certificate, port } = facts.endpoint;
    if (!facts.profile.mutualTls && certificate === undefined) {
      const says = 'The profile wants no client certificates, and none was given.';
      return notApplicable('not-wanted', says, { confidence: 'probe', port });
    }
    return probed(
      facts,
      facts.withoutCertificate,
      'a refusal',
      failsIf(
        'certificate-not-needed',
        (answer) => answer === 0,
        (answer) => `without a certificate: ${said(answer)}`,
      ),
    );
  },
  P17: (facts) =>
    probed(facts, facts.will, 'no delivery', ({ mayPublish, isDelivered }, proof) => {
      if (mayPublish) return notApplicable('may-publish', 'The client may publish there itself: P06 says so.');
      const observed = proof(`a Will where its client may not publish was ${isDelivered ? '' : 'not '}delivered`);
      return isDelivered ? fail('will-not-authorized', observed) : pass(observed);
    }),
  P18: (facts) =>
    probed(
      facts,
      facts.malformed,
      'each ends its connection',
      failsIf(
        'malformed-accepted',
        (accepted) => accepted.length > 0,
        (accepted) => `malformed packets that did not end the connection: ${accepted.join('; ') || 'none'}`,
      ),
    ),
  P19: (facts) => {
    const { scheme, port } = facts.endpoint;
    if (scheme !== 'ws' && scheme !== 'wss')
      return notApplicable('no-websocket', 'The endpoint is no WebSocket.', { confidence: 'probe', port });
    return probed(
      facts,
      facts.foreignOrigin,
      'a refusal',
      failsIf(
        'any-origin',
        (isAllowed) => isAllowed,
        (isAllowed) => `a page of https://attacker.example may ${isAllowed ? '' : 'not '}connect`,
      ),
    );
  },
  P20: (facts) =>
    probed(
      facts,
      facts.proxyHeader,
      'the connection ends',
      failsIf(
        'proxy-header-believed',
        (isBelieved) => isBelieved,
        (isBelieved) =>
          isBelieved ? 'MQTT answered behind a PROXY header of ours' : 'a PROXY header of ours ended the connection',
      ),
    ),
};
