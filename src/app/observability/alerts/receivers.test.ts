import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../../../base/clock.ts';
import type { Alert } from './alert.ts';
import { type DeliveryFailure, sendWithin } from './delivery.ts';
import { notificationOf, title } from './notification.ts';
import { alertmanagerReceiver } from './receivers/alertmanager.ts';
import { commandReceiver } from './receivers/command.ts';
import { mailHtml } from './receivers/email.ts';
import { slackCode, slackMessage, slackReceiver } from './receivers/slack.ts';
import { webhookReceiver } from './receivers/webhook.ts';

const services = { clock: systemClock, version: '0.0.0', publish: () => undefined };

/** What a client identifier or a topic may be, in everybody's language at once. */
const HOSTILE = [
  'x\r\nBcc: everybody@example.org\r\n\r\nbody',
  '<!channel> <@U123> <https://evil.example|click> @here `code` *bold* ~gone~ &amp;',
  '"><script>alert(1)</script><img src=x onerror=alert(1)>',
  '$(touch pwned); `touch pwned` | touch pwned && touch pwned',
  '\u001b[2J\u001b]0;title\u0007\u202egnp.exe\u2028line',
].join(' ');

function alert(text = HOSTILE, endsAtMs?: number): Alert {
  return {
    name: 'MQTTClientUnauthorizedAccess',
    severity: 'warning',
    subject: { kind: 'clientId', value: text },
    summary: 'Clients ask again and again.',
    says: `Denied a publish of client "${text}"`,
    count: 12,
    startsAtMs: 1_700_000_000_000,
    lastAtMs: 1_700_000_000_000,
    runbook: 'https://docs.example.org/runbooks/MQTTClientUnauthorizedAccess.md',
    ...(endsAtMs === undefined ? {} : { endsAtMs }),
  };
}

interface Heard {
  readonly headers: IncomingMessage['headers'];
  readonly path: string;
  readonly body: string;
}

async function service(t: TestContext, answer: RequestListener): Promise<{ url: string; heard: Heard[] }> {
  const heard: Heard[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => (body += text));
    request.on('end', () => {
      heard.push({ headers: request.headers, path: request.url ?? '', body });
      answer(request, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, heard };
}

const ok: RequestListener = (_request, response) => void response.end('ok');
const signal = (): AbortSignal => new AbortController().signal;

test('a webhook is posted JSON, with a signature over the time and the body', async (t) => {
  const { url, heard } = await service(t, ok);
  const send = webhookReceiver({ url: `${url}/hook`, tls: {}, token: 'secret-token', key: 'signing key' }, services);
  assert.equal(await send(notificationOf('g', [alert()]), signal()), '200 ok');
  const [{ headers, path, body }] = heard as [Heard];
  assert.equal(path, '/hook');
  assert.equal(headers.authorization, 'Bearer secret-token');
  const [, time = '', mac] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers['sallyport-signature'])) ?? [];
  assert.equal(mac, createHmac('sha256', 'signing key').update(`${time}.${body}`).digest('hex'));
  const posted = JSON.parse(body) as { status: string; alerts: Record<string, unknown>[] };
  assert.equal(posted.status, 'firing');
  assert.partialDeepStrictEqual(posted.alerts[0], {
    alert: 'MQTTClientUnauthorizedAccess',
    status: 'firing',
    subjectKind: 'clientId',
    subject: HOSTILE,
    startsAt: '2023-11-14T22:13:20.000Z',
    endsAt: null,
  });
  // Whoever prints the body as it is prints nothing that acts on a terminal.
  assert.doesNotMatch(body, /[\u0000-\u001f\u007f-\u009f\u202e\u2028]/);
});

test('what a service answers decides whether it is asked again', async (t) => {
  const statuses: [status: number, isFinal: boolean][] = [
    [400, true],
    [404, true],
    [429, false],
    [503, false],
    [302, true],
  ];
  for (const [status, isFinal] of statuses) {
    const { url } = await service(t, (_request, response) => {
      response.writeHead(status, { location: 'http://127.0.0.1:1/' }).end('no\u001b[2J');
    });
    const send = webhookReceiver({ url, tls: {}, token: undefined, key: undefined }, services);
    await assert.rejects(send(notificationOf('g', [alert()]), signal()), (error: DeliveryFailure) => {
      const aside = status === 302 ? ', which is not followed: configure the address that it moved to' : '';
      assert.equal(error.message, `it answered ${status}${aside} no\\u001b[2J`);
      return error.isFinal === isFinal;
    });
  }
});

test('what a service repeats of a token, a password or the address of a hook is told to nobody', async (t) => {
  const { url } = await service(t, ({ url: path, headers }, response) => {
    response.writeHead(404).end(`Cannot POST ${path} with ${headers.authorization}`);
  });
  const told = notificationOf('g', [alert()]);
  const basic = `Basic ${Buffer.from('gate:pass-word-7').toString('base64')}`;
  const manager = { url, tls: {}, instance: 'gw', resolveAfterMs: 1000 };
  for (const attempt of [
    webhookReceiver({ url, tls: {}, token: 'secret-token', key: undefined }, services)(told, signal()),
    webhookReceiver({ url: `${url}/hooks/kM3x8Rt2Qz`, tls: {}, token: undefined, key: undefined }, services)(
      told,
      signal(),
    ),
    slackReceiver(`${url}/services/T0000AAAA/B0000BBBB/x`, services)(told, signal()),
    alertmanagerReceiver({ ...manager, authorization: basic }, services)([alert()], signal()),
  ]) {
    await assert.rejects(attempt, { message: 'it answered 404 (its answer is withheld, because it repeats a secret)' });
  }
  // The names that everybody knows are no secret.
  const plain = webhookReceiver({ url: `${url}/services/alerts`, tls: {}, token: undefined, key: undefined }, services);
  await assert.rejects(plain(told, signal()), /Cannot POST \/services\/alerts/);
});

test('an answer without an end, and none at all, hold nobody up', async (t) => {
  const endless = await service(t, (_request, response) => {
    const write = (): void => {
      while (response.write('x'.repeat(65_536)));
    };
    response.on('drain', write);
    write();
  });
  const told = notificationOf('g', [alert()]);
  const receiver = { tls: {}, token: undefined, key: undefined };
  assert.match(await webhookReceiver({ ...receiver, url: endless.url }, services)(told, signal()), /^200 x+…$/);
  const silent = await service(t, () => undefined);
  const send = webhookReceiver({ ...receiver, url: silent.url }, services);
  await assert.rejects(sendWithin({ send, timeoutMs: 50, clock: systemClock }, told), /no answer within 50 ms/);
  const absent = webhookReceiver({ ...receiver, url: 'http://127.0.0.1:1' }, services);
  await assert.rejects(absent(told, signal()), /ECONNREFUSED/);
});

test('a chat shows what peers chose as text: no mention, link, markup or end of the code span', async (t) => {
  const { url, heard } = await service(t, ok);
  await slackReceiver(url, services)(notificationOf('g', [alert()]), signal());
  const message = JSON.parse(heard[0]!.body) as { text: string; attachments: { text: string; title: string }[] };
  const { text } = message.attachments[0]!;
  const outside = text.replaceAll(/`[^`]*`/g, '');
  assert.doesNotMatch(outside, /channel|evil|script|touch|Bcc|@|\*bold|~gone/);
  assert.doesNotMatch(text, /[<>]|&(?!amp;|lt;|gt;)|\u001b|\r|\u202e/);
  assert.equal((text.match(/`/g) ?? []).length % 2, 0);
  assert.doesNotMatch(message.text, /evil/);
  assert.equal(slackCode('a`b&<c>'), "`a'b&amp;&lt;c&gt;`");
  assert.ok(JSON.stringify(slackMessage(notificationOf('g', [alert('x'.repeat(10_000))]))).length < 4000);
});

test('a title is one printable line of bounded length', () => {
  const said = title(notificationOf('g', [alert()]));
  assert.match(said, /^\[FIRING\] MQTTClientUnauthorizedAccess: clientId x\\u000d\\u000aBcc: /);
  assert.doesNotMatch(said, /[\u0000-\u001f\u007f-\u009f\u2028\u202e]/);
  assert.ok(said.length <= 151);
  const two = [alert('a'), { ...alert('b', 1), name: 'SallyportBanStorm' } as Alert];
  assert.equal(title(notificationOf('g', two)), '[FIRING] MQTTClientUnauthorizedAccess, SallyportBanStorm: 2 alerts');
});

test('the HTML of a mail has no markup of a peer', () => {
  const html = mailHtml(notificationOf('g', [alert()]));
  assert.doesNotMatch(html, /<script|<img|onerror=alert\(1\)>/);
  assert.match(html, /&lt;script&gt;alert\(1\)&lt;\/script&gt;/);
});

test('an Alertmanager is told labels that name the alert, and an end that is still to come while it fires', async (t) => {
  const { url, heard } = await service(t, ok);
  const receiver = {
    url: `${url}/`,
    tls: {},
    authorization: 'Basic eDp5',
    instance: 'gate-1',
    resolveAfterMs: 240_000,
  };
  const send = alertmanagerReceiver(receiver, services);
  const before = Date.now();
  await send([alert(), alert('gone', 1_700_000_060_000)], signal());
  const [{ path, body, headers }] = heard as [Heard];
  assert.equal(path, '/api/v2/alerts');
  assert.equal(headers.authorization, 'Basic eDp5');
  const [firing, resolved] = JSON.parse(body) as { endsAt: string; labels: Record<string, string> }[];
  assert.ok(Date.parse(firing!.endsAt) >= before + 240_000);
  assert.equal(resolved!.endsAt, '2023-11-14T22:14:20.000Z');
  assert.deepEqual(resolved!.labels, {
    alertname: 'MQTTClientUnauthorizedAccess',
    severity: 'warning',
    job: 'sallyport',
    instance: 'gate-1',
    subject_kind: 'clientId',
    subject: 'gone',
  });
  await send([], signal());
  assert.equal(heard.length, 1);
});

test('a command gets JSON on its input, no shell, no arguments of a peer, and none of our secrets', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-command-'));
  t.after(() => rmSync(directory, { recursive: true }));
  process.env['SALLYPORT_TEST_SECRET'] = 'hunter22';
  t.after(() => delete process.env['SALLYPORT_TEST_SECRET']);
  const script = `
    let text = '';
    process.stdin.on('data', (chunk) => (text += chunk)).on('end', () => {
      const [alert] = JSON.parse(text).alerts;
      require('node:fs').writeFileSync(process.argv[1], alert.subject);
      console.log(process.argv.length, process.env.SALLYPORT_TEST_SECRET === undefined);
    });`;
  const out = join(directory, 'out $(touch pwned)');
  const send = commandReceiver([process.execPath, '-e', script, out]);
  assert.equal(await send(notificationOf('g', [alert()]), signal()), 'exit code 0: 2 true');
  assert.ok(existsSync(out));
  assert.ok(!existsSync(join(directory, 'pwned')));
});

test('a command that fails, floods, hangs or is not there is told apart, and bounded', async () => {
  const told = notificationOf('g', [alert()]);
  const node = (script: string): string[] => [process.execPath, '-e', script];
  await assert.rejects(
    commandReceiver(node('console.error("no such pager"); process.exit(3)'))(told, signal()),
    (error: DeliveryFailure) => error.isFinal && error.message === 'exit code 3: no such pager',
  );
  const flood = commandReceiver(node('process.stdout.write("x".repeat(5e6))'));
  assert.ok((await flood(told, signal())).length < 200);
  await assert.rejects(commandReceiver(['/nowhere/at-all'])(told, signal()), /ENOENT/);
  const hang = commandReceiver(node('setInterval(() => 0, 1000)'));
  await assert.rejects(sendWithin({ send: hang, timeoutMs: 300, clock: systemClock }, told), /no answer within 300 ms/);
});
