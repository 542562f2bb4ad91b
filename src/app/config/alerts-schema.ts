/** The `alerts` section: when an alert fires, and who is told of it by which way. */
import { z } from 'zod';
import { ALERTS } from '../observability/alert-catalogue.ts';
import { LABELS } from '../observability/alerts/alert.ts';
import { backendUrl, isLoopbackHost, parseBackendUrl } from './chain/backend-fields.ts';
import { choice, complaint, duration, flag, list, section, text, wholeNumber } from './fields.ts';
import { recognitionFields } from './recognition-fields.ts';
import { secret } from './secret.ts';

const RECEIVERS_MAX = 16;
const CONDITIONS_MAX = 64;
const RECIPIENTS_MAX = 32;
const ARGUMENTS_MAX = 32;
/** The moments of so many events are kept for each subject. */
const COUNT_MAX = 200;

const SEVERITIES = ['info', 'warning', 'critical'] as const;
const NAMES = ALERTS.map(({ name }) => name) as [string, ...string[]];

function about(description: string): { description: string } {
  return { description };
}

const receiverName = text({
  pattern: /^[a-z0-9][a-z0-9-]{0,31}$/,
  wanted: 'a name of 1 to 32 lower-case letters, digits and hyphens',
});

function receiver<const Type extends string, Shape extends z.core.$ZodLooseShape>(
  type: z.ZodLiteral<Type>,
  shape: Shape,
) {
  return section({
    type: type.meta(about('The way it is told.')),
    name: receiverName.meta(about('What commands and events call it.')),
    alerts: list(
      text({ pattern: /^[A-Za-z*]{1,64}$/, wanted: 'the name of an alert, in which * stands for anything' }),
      {
        min: 1,
        max: CONDITIONS_MAX,
        what: 'names',
      },
    )
      .prefault(['*'])
      .meta(about('Which alerts it is told of; * stands for anything.')),
    severityMin: choice(SEVERITIES).prefault('info').meta(about('The least severity it is told of.')),
    sendResolved: flag().prefault(true).meta(about('Whether it is told, too, that an alert is over.')),
    timeout: duration({ min: '100ms', max: '2m' }).prefault('10s').meta(about('For one attempt.')),
    queueMax: wholeNumber({ min: 1, max: 100_000 })
      .prefault(1000)
      .meta(about('Notifications that wait while it is away; the oldest make room, and are counted.')),
    ...shape,
  });
}

function tlsFields(directory: string) {
  return section({
    ...recognitionFields(directory, 'the host'),
  })
    .prefault({})
    .meta(about('How it is recognized.'));
}

const plaintext = flag()
  .prefault(false)
  .meta(about('Whether it may be told without TLS although it is on another machine.'));

const CLEAR = 'has no TLS, so that alerts and secrets could be read on the way:';

/** Refuses what would travel in the clear to another machine, unless the operator has said so. */
function inTheClear(schemes: readonly string[], plain: string, cure: string) {
  return (given: { url?: unknown; plaintext?: unknown }, context: z.core.$RefinementCtx): void => {
    if (typeof given.url !== 'string' || given.plaintext === true) return;
    const url = parseBackendUrl(given.url, schemes);
    if (url === undefined || url.scheme !== plain || isLoopbackHost(url.host)) return;
    context.addIssue({ code: 'custom', path: ['url'], message: `${CLEAR} ${cure}, or say plaintext: true` });
  };
}

/** Refuses what would be passed over: a name beside a token that goes instead of it, and a password of nobody. */
function passedOver(
  given: { readonly token?: unknown; readonly username?: unknown; readonly password?: unknown },
  context: z.core.$RefinementCtx,
): void {
  const { token, username: name, password } = given;
  if (token !== undefined && name !== undefined) {
    const message =
      'a token is given as well, and only one of them can be shown: remove token, or username and password';
    context.addIssue({ code: 'custom', path: ['username'], message });
  } else if (password !== undefined && name === undefined) {
    const message = 'is the password of nobody: give username too, or remove it';
    context.addIssue({ code: 'custom', path: ['password'], message });
  }
}

const WHEN_MAP = { when: ({ value }: { value: unknown }) => typeof value === 'object' && value !== null };

const address = text({
  pattern: /^[^\s<>@"'(),;:\\[\]\u0000-\u001f\u007f-\u009f]{1,64}@[A-Za-z0-9.-]{1,253}$/,
  wanted: 'a mail address such as ops@example.org',
});

const topic = text({
  pattern: /^(?!\$)[^#+\u0000-\u001f\u007f-\u009f]{1,256}$/,
  wanted: 'a topic such as sallyport/alerts, without wildcards, that does not begin with $',
});

const username = text({ pattern: /^[^\u0000-\u001f\u007f]{1,256}$/, wanted: 'a user name' });

function receiverSchema(directory: string) {
  const httpUrl = (example: string) => backendUrl(['https', 'http'], example);
  const secureHttp = inTheClear(['https', 'http'], 'http', 'make the URL https');
  const receivers = [
    receiver(z.literal('alertmanager'), {
      url: httpUrl('https://alertmanager.example.org:9093').meta(about('Where it is, without the path of its API.')),
      tls: tlsFields(directory),
      token: secret(directory).optional().meta(about('Where a bearer token is kept that it is shown.')),
      username: username.optional().meta(about('Name for basic authentication, instead of a token.')),
      password: secret(directory).optional().meta(about('Where the password of that name is kept.')),
      instance: text({ pattern: /^[\x21-\x7e]{1,253}$/, wanted: 'a name without spaces' })
        .optional()
        .meta(about('The label instance of the alerts; without it the name of the machine.')),
      resendInterval: duration({ min: '1s', max: '1h' })
        .prefault('1m')
        .meta(about('How often it is told again what fires; it takes for over what it has not heard of four times.')),
      plaintext,
    })
      .superRefine(secureHttp, WHEN_MAP)
      .superRefine(passedOver, WHEN_MAP),
    receiver(z.literal('slack'), {
      url: secret(directory).meta(about('Where the URL of the incoming webhook is kept: whoever has it may post.')),
    }),
    receiver(z.literal('webhook'), {
      url: httpUrl('https://hooks.example.org/sallyport').meta(about('Where notifications are posted as JSON.')),
      tls: tlsFields(directory),
      token: secret(directory).optional().meta(about('Where a bearer token is kept that it is shown.')),
      signingKey: secret(directory)
        .optional()
        .meta(about('Where the key is kept that notifications are signed with (HMAC-SHA256).')),
      plaintext,
    }).superRefine(secureHttp, WHEN_MAP),
    receiver(z.literal('mqtt'), {
      topic: topic.meta(about('Where notifications are published as JSON, at QoS 1.')),
      retain: flag().prefault(false).meta(about('Whether the broker keeps the last one for those who come later.')),
      url: backendUrl(['mqtt', 'mqtts', 'ws', 'wss'], 'mqtts://broker.example.org:8883')
        .optional()
        .meta(about("Another broker; without it the one that the gateway's clients are sent to.")),
      tls: tlsFields(directory),
      username: username.optional().meta(about('User name at that broker.')),
      password: secret(directory).optional().meta(about('Where its password is kept.')),
      clientId: text({ pattern: /^[A-Za-z0-9_-]{1,64}$/, wanted: 'a name of letters, digits, hyphens and underscores' })
        .prefault('sallyport-alerts')
        .meta(about('Client identifier at that broker.')),
      plaintext,
    }).superRefine((given, context) => {
      inTheClear(['mqtt', 'mqtts', 'ws', 'wss'], 'mqtt', 'make the URL mqtts')(given, context);
      inTheClear(['mqtt', 'mqtts', 'ws', 'wss'], 'ws', 'make the URL wss')(given, context);
      passedOver(given, context);
    }, WHEN_MAP),
    receiver(z.literal('email'), {
      host: text({ pattern: /^[A-Za-z0-9._:-]{1,253}$/, wanted: 'a host name or an address' }).meta(
        about('The mail server.'),
      ),
      port: wholeNumber({ min: 1, max: 65_535 })
        .prefault(587)
        .meta(about('Its port: 587 with STARTTLS, 465 with TLS.')),
      security: choice(['starttls', 'tls', 'none'])
        .prefault('starttls')
        .meta(about('starttls: refused where the server has none. tls: from the first byte. none: in the clear.')),
      tls: tlsFields(directory),
      username: username.optional().meta(about('Name to log in with.')),
      password: secret(directory).optional().meta(about('Where its password is kept.')),
      from: address.meta(about('Whom the mail is from.')),
      to: list(address, { min: 1, max: RECIPIENTS_MAX, what: 'addresses' }).meta(about('Whom it is for.')),
      plaintext,
    }).superRefine((given, context) => {
      passedOver(given, context);
      const { security, host, plaintext: isAllowed } = given;
      if (security !== 'none' || isAllowed === true || typeof host !== 'string' || isLoopbackHost(host)) return;
      const message = `${CLEAR} make it starttls or tls, or say plaintext: true`;
      context.addIssue({ code: 'custom', path: ['security'], message });
    }, WHEN_MAP),
    receiver(z.literal('command'), {
      argv: list(text({ pattern: /^[^\0]{1,4096}$/, wanted: 'a text' }), {
        min: 1,
        max: ARGUMENTS_MAX,
        what: 'words',
      }).meta(
        about(
          'The program by its path, and its arguments; no shell is asked, and the alerts come on its standard input.',
        ),
      ),
    }),
  ] as const;
  const types = receivers.map(({ shape }) => shape.type.value);
  return z.discriminatedUnion('type', receivers, {
    error: ({ input }) => {
      const isMap = typeof input === 'object' && input !== null && !Array.isArray(input);
      return isMap
        ? complaint((input as { type?: unknown }).type, `one of ${types.join(', ')}`)
        : complaint(input, 'a map whose first key is type');
    },
  });
}

const conditionSchema = section({
  alert: choice(NAMES).meta(about('Which alert it is about.')),
  enabled: flag().prefault(true).meta(about('Whether it fires at all.')),
  severity: choice(SEVERITIES).optional().meta(about('Instead of the severity that it has.')),
  count: wholeNumber({ min: 1, max: COUNT_MAX })
    .optional()
    .meta(about('So many events within the window raise it. What a detector has found raises it at once.')),
  window: duration({ min: '1s', max: '1d' }).optional().meta(about('In which they are counted.')),
  quiet: duration({ min: '1s', max: '30d' })
    .optional()
    .meta(about('It is over when nothing has raised it again for so long.')),
});

export function alertsSchema(directory: string) {
  return section({
    receivers: list(receiverSchema(directory), { min: 0, max: RECEIVERS_MAX, what: 'receivers' })
      .superRefine((all, context) => {
        const names = new Map<string, number>();
        for (const [index, { name }] of all.entries()) {
          const other = names.get(name);
          if (other === undefined) names.set(name, index);
          else {
            const message = `the name "${name}" is taken by receivers[${other}]`;
            context.addIssue({ code: 'custom', path: [index, 'name'], message });
          }
        }
      })
      .prefault([])
      .meta(about('Who is told.')),
    groupBy: list(choice(LABELS), { min: 0, max: LABELS.length, what: 'labels' })
      .prefault(['alert', 'subject'])
      .meta(about('Alerts that have these in common are told together; none: all of them.')),
    groupWait: duration({ min: '0s', max: '1h' })
      .prefault('10s')
      .meta(about('How long the first of a group waits for others.')),
    groupInterval: duration({ min: '1s', max: '1d' })
      .prefault('5m')
      .meta(about('Between two notifications of a group that has news.')),
    repeatInterval: duration({ min: '1s', max: '30d' })
      .prefault('4h')
      .meta(about('Between two of a group that has none, while it fires.')),
    conditions: list(conditionSchema, { min: 0, max: CONDITIONS_MAX, what: 'conditions' })
      .prefault([])
      .meta(about('What raises single alerts, otherwise than by default.')),
    runbooks: text({ pattern: /^https?:\/\/[^\s<>"'`|]{1,500}$/, wanted: 'a URL' })
      .optional()
      .meta(
        about('Root of the documentation, for the links to runbooks; without it their path in the package is told.'),
      ),
  }).transform(({ groupWait, groupInterval, repeatInterval, conditions, receivers, ...rest }) => ({
    ...rest,
    groupWaitMs: groupWait,
    groupIntervalMs: groupInterval,
    repeatIntervalMs: repeatInterval,
    conditions: conditions.map(({ window: windowMs, quiet: quietMs, ...condition }) => ({
      ...condition,
      windowMs,
      quietMs,
    })),
    receivers: receivers.map(({ timeout: timeoutMs, ...one }) => ({ ...one, timeoutMs })),
  }));
}

export type AlertsConfig = z.output<ReturnType<typeof alertsSchema>>;
export type ReceiverConfig = AlertsConfig['receivers'][number];
