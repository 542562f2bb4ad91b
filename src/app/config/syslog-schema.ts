/** The `syslog` section: collectors that the events are sent to as well. */
import type { z } from 'zod';
import { backendUrl } from './chain/backend-fields.ts';
import { choice, list, path, section, wholeNumber } from './fields.ts';
import { recognitionFields } from './recognition-fields.ts';

const COLLECTORS_MAX = 8;

export const SYSLOG_SCHEMES = ['udp', 'tcp', 'tls'] as const;

export const FACILITIES = [
  'daemon',
  'auth',
  'authpriv',
  'local0',
  'local1',
  'local2',
  'local3',
  'local4',
  'local5',
  'local6',
  'local7',
] as const;

function about(description: string): { description: string } {
  return { description };
}

export function syslogSchema(directory: string) {
  const collector = section({
    url: backendUrl(SYSLOG_SCHEMES, 'tls://siem.example.org:6514').meta(
      about('Where it is: udp, tcp or tls, with host and port (514; 6514 with TLS).'),
    ),
    tls: section({
      ...recognitionFields(directory),
      certificate: path(directory).optional().meta(about('PEM file of the certificate that we show.')),
      key: path(directory).optional().meta(about('Its key.')),
    })
      .prefault({})
      .meta(about('How it is recognized, and who we are to it.')),
    format: choice(['json', 'cef', 'ecs', 'ocsf'])
      .prefault('json')
      .meta(about('What a message is: the line of the log, or one of the formats of `sallyport journal export`.')),
    facility: choice(FACILITIES).prefault('auth').meta(about('Facility of the messages.')),
    level: choice(['debug', 'info', 'warn', 'error']).prefault('warn').meta(about('Lowest level that is sent.')),
    queueMax: wholeNumber({ min: 1, max: 1_000_000 })
      .prefault(10_000)
      .meta(about('Messages that wait while it is away; the oldest make room, and are counted.')),
  }).superRefine(
    ({ tls }, context) => {
      if ((tls.certificate === undefined) === (tls.key === undefined)) return;
      const missing = tls.key === undefined ? 'key' : 'certificate';
      context.addIssue({ code: 'custom', path: ['tls', missing], message: 'certificate and key belong together' });
    },
    { when: ({ value }) => typeof (value as { tls?: unknown } | undefined)?.tls === 'object' },
  );
  return list(collector, { min: 0, max: COLLECTORS_MAX, what: 'collectors' });
}

export type SyslogConfig = z.output<ReturnType<typeof syslogSchema>>[number];
