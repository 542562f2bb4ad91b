import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { type TestContext, test } from 'node:test';
import { makeCa, makeCertificate } from '../../../../test/kit/certificates.ts';
import { eventually } from '../../../../test/kit/eventually.ts';
import { type SmtpSinkInit, startSmtpSink } from '../../../../test/kit/smtp-sink.ts';
import { systemClock } from '../../../base/clock.ts';
import type { Alert } from './alert.ts';
import { type DeliveryFailure, sendWithin } from './delivery.ts';
import { notificationOf } from './notification.ts';
import { type EmailReceiver, emailReceiver } from './receivers/email.ts';

const HOSTILE =
  'x\r\nBcc: everybody@example.org\r\n\r\n.\r\nQUIT\r\n<script>alert(1)</script> =?utf-8?q?forged?= \u202eevil';
const services = { clock: systemClock, version: '0.0.0', publish: () => undefined };
const ca = await makeCa();
const { certificatePem: cert, keyPem: key } = await makeCertificate(ca, { commonName: 'localhost', use: 'server' });

const told = notificationOf('g', [
  {
    name: 'MQTTClientUnauthorizedAccess',
    severity: 'warning',
    subject: { kind: 'clientId', value: HOSTILE },
    summary: 'Clients ask again and again.',
    says: `Denied a publish of client "${HOSTILE}"`,
    count: 12,
    startsAtMs: 1_700_000_000_000,
    lastAtMs: 1_700_000_000_000,
    runbook: 'docs/runbooks/MQTTClientUnauthorizedAccess.md',
  } satisfies Alert,
]);

/** Mail through a server that breaks the rules, in the clear. */
async function receiverAt(t: TestContext, server: Server, receiver: Partial<EmailReceiver>) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const envelope = { from: 'a@example.org', to: ['b@example.org'], timeoutMs: 5000 };
  const account = { host: '127.0.0.1', port, username: undefined, password: undefined };
  return emailReceiver({ ...account, ...envelope, security: 'none', tls: {}, ...receiver }, services);
}

async function scene(t: TestContext, init: SmtpSinkInit, receiver: Partial<EmailReceiver> = {}) {
  const sink = await startSmtpSink(init);
  t.after(() => sink.close());
  const send = emailReceiver(
    {
      host: '127.0.0.1',
      port: sink.port,
      security: 'starttls',
      tls: { ca: ca.certificatePem, servername: 'localhost' },
      username: undefined,
      password: undefined,
      from: 'sallyport@example.org',
      to: ['ops@example.org', 'night@example.org'],
      timeoutMs: 5000,
      ...receiver,
    },
    services,
  );
  return { sink, send: () => send(told, new AbortController().signal) };
}

test('mail goes out by STARTTLS after a login, to all of its recipients', async (t) => {
  const login = { username: 'gate', password: 'hunter22' };
  const { sink, send } = await scene(t, { tls: { cert, key }, login }, login);
  assert.equal(await send(), '250 taken');
  const [mail] = sink.mails;
  assert.ok(mail?.isSecure);
  assert.equal(mail.from, 'sallyport@example.org');
  assert.deepEqual(mail.to, ['ops@example.org', 'night@example.org']);
  assert.ok(sink.commands.indexOf('STARTTLS') < sink.commands.indexOf('AUTH'));
});

test('a header is what we made it: nothing that a peer chose ends one, begins one, or ends the mail', async (t) => {
  const { sink, send } = await scene(t, { tls: { cert, key } });
  await send();
  assert.equal(sink.mails.length, 1);
  const { data, to } = sink.mails[0]!;
  assert.equal(to.length, 2);
  const [header = ''] = data.split('\r\n\r\n', 1);
  const names = header.split(/\r\n(?![ \t])/).map((line) => line.split(':', 1)[0]!.toLowerCase());
  assert.deepEqual(
    names.filter(
      (name) =>
        ![
          'from',
          'to',
          'subject',
          'message-id',
          'date',
          'mime-version',
          'content-type',
          'auto-submitted',
          'x-auto-response-suppress',
        ].includes(name),
    ),
    [],
  );
  assert.equal(names.filter((name) => name === 'subject').length, 1);
  assert.match(header, /Auto-Submitted: auto-generated/);
  assert.doesNotMatch(data.split('text/html')[1]!, /<script>/);
});

test('a server without STARTTLS, or with a certificate that nobody vouches for, is told nothing', async (t) => {
  const bare = await scene(t, {});
  await assert.rejects(bare.send());
  assert.deepEqual(bare.sink.mails, []);
  assert.ok(!bare.sink.commands.some((command) => command.startsWith('MAIL')));
  const foreign = await scene(t, { tls: { cert, key } }, { tls: { servername: 'localhost' } });
  await assert.rejects(foreign.send());
  assert.deepEqual(foreign.sink.mails, []);
});

test('in the clear only where the operator has said so', async (t) => {
  const { sink, send } = await scene(t, {}, { security: 'none' });
  await send();
  assert.equal(sink.mails[0]?.isSecure, false);
});

test('what a server refuses for good is told from what may pass', async (t) => {
  const refusals: [answer: string, isFinal: boolean][] = [
    ['550 no such user', true],
    ['451 greylisted', false],
  ];
  for (const [refusal, isFinal] of refusals) {
    const { send } = await scene(t, { tls: { cert, key }, refusal });
    await assert.rejects(send(), (error: DeliveryFailure) => {
      assert.match(error.message, new RegExp(refusal));
      return error.isFinal === isFinal;
    });
  }
  const login = { username: 'gate', password: 'other' };
  const { send, sink } = await scene(t, { tls: { cert, key }, login }, { ...login, password: 'wrong' });
  await assert.rejects(send(), /535/);
  assert.deepEqual(sink.mails, []);
});

test('a server that goes on and on answering is left when the time is over', async (t) => {
  let open = 0;
  const server = createServer((socket) => {
    open++;
    socket.on('error', () => undefined);
    socket.on('close', () => open--);
    socket.write('220 hello\r\n');
    socket.on('data', () => socket.write('250-more\r\n'));
    const drip = setInterval(() => socket.write('250-more\r\n'), 10);
    socket.on('close', () => clearInterval(drip));
  });
  const send = await receiverAt(t, server, { timeoutMs: 60_000 });
  const attempt = sendWithin({ send, timeoutMs: 300, clock: systemClock }, told);
  await assert.rejects(attempt, /no answer within 300 ms/);
  await eventually('the connection is over', () => open === 0);
});

test('a server that sends without end, with lines and without, is left long before the time is over', async (t) => {
  for (const greeting of ['x'.repeat(65_536), '220-more\r\n'.repeat(8000)]) {
    let open = 0;
    const server = createServer((socket) => {
      open++;
      socket.on('error', () => undefined);
      socket.on('close', () => open--);
      const more = (): void => {
        while (!socket.destroyed && socket.write(greeting));
      };
      socket.on('drain', more);
      more();
    });
    const send = await receiverAt(t, server, { timeoutMs: 600_000 });
    await assert.rejects(send(told, new AbortController().signal), /exceeds maximum allowed size/);
    await eventually('the connection is over', () => open === 0);
  }
});

test('what a server repeats of a password is told to nobody', async (t) => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write('220 hello\r\n');
    socket.on('data', (line) => {
      const asked = line.toString().trim();
      socket.write(asked.startsWith('EHLO') ? '250-hello\r\n250 AUTH PLAIN\r\n' : `535 no: ${asked}\r\n`);
    });
  });
  const send = await receiverAt(t, server, { username: 'gate', password: 'pass-word-7' });
  await assert.rejects(send(told, new AbortController().signal), {
    message: '535 (its answer is withheld, because it repeats a secret)',
  });
});
