/** A mail server for tests: takes mail over SMTP with STARTTLS or without, asks for a login if told to, and keeps what it got. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import { HOST } from './process.ts';

export interface SmtpSinkInit {
  /** PEM; without it there is no STARTTLS. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Refuses mail of whoever has not logged in so. */
  readonly login?: { readonly username: string; readonly password: string };
  /** Answers RCPT with this instead, such as `550 no such user`. */
  readonly refusal?: string;
}

export interface TakenMail {
  readonly from: string;
  readonly to: readonly string[];
  /** Header and body as they came, without the dots that are doubled on the way. */
  readonly data: string;
  readonly isSecure: boolean;
}

export interface SmtpSink {
  readonly port: number;
  readonly mails: readonly TakenMail[];
  /** Commands as they came, passwords left out. */
  readonly commands: readonly string[];
  close(): void;
}

export async function startSmtpSink(init: SmtpSinkInit = {}): Promise<SmtpSink> {
  const mails: TakenMail[] = [];
  const commands: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    new Conversation(socket, init, mails, commands).begin();
  });
  server.listen(0, HOST);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    mails,
    commands,
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

class Conversation {
  #socket: Socket;
  readonly #init: SmtpSinkInit;
  readonly #mails: TakenMail[];
  readonly #commands: string[];
  #text = '';
  #isSecure = false;
  #isKnown: boolean;
  #from = '';
  #to: string[] = [];
  #isData = false;

  constructor(socket: Socket, init: SmtpSinkInit, mails: TakenMail[], commands: string[]) {
    this.#socket = socket;
    this.#init = init;
    this.#mails = mails;
    this.#commands = commands;
    this.#isKnown = init.login === undefined;
  }

  begin(): void {
    this.#listen();
    this.#say('220 sink.test ESMTP');
  }

  #listen(): void {
    this.#socket.setEncoding('latin1').on('data', (text: string) => {
      this.#text += text;
      this.#read();
    });
  }

  #say(line: string): void {
    this.#socket.write(`${line}\r\n`);
  }

  #read(): void {
    for (;;) {
      if (this.#isData) {
        const end = this.#text.indexOf('\r\n.\r\n');
        if (end < 0) return;
        const data = this.#text.slice(0, end).replaceAll(/^\.\./gm, '.');
        this.#text = this.#text.slice(end + 5);
        this.#isData = false;
        this.#mails.push({ from: this.#from, to: this.#to, data, isSecure: this.#isSecure });
        this.#say('250 taken');
        continue;
      }
      const end = this.#text.indexOf('\r\n');
      if (end < 0) return;
      const line = this.#text.slice(0, end);
      this.#text = this.#text.slice(end + 2);
      this.#obey(line);
    }
  }

  #obey(line: string): void {
    const [verb = ''] = line.toUpperCase().split(' ', 1);
    this.#commands.push(verb === 'AUTH' ? 'AUTH' : line);
    switch (verb) {
      case 'EHLO': {
        const offers = [
          ...(this.#init.tls === undefined || this.#isSecure ? [] : ['STARTTLS']),
          'AUTH PLAIN',
          'SMTPUTF8',
        ];
        for (const offer of ['sink.test', ...offers]) this.#say(`250-${offer}`);
        this.#say('250 8BITMIME');
        return;
      }
      case 'STARTTLS':
        this.#secure();
        return;
      case 'AUTH': {
        const [, username, password] = Buffer.from(line.split(' ')[2] ?? '', 'base64')
          .toString()
          .split('\0');
        const { login } = this.#init;
        this.#isKnown = login === undefined || (login.username === username && login.password === password);
        this.#say(this.#isKnown ? '235 welcome' : '535 wrong');
        return;
      }
      case 'MAIL':
        this.#from = /<(.*?)>/.exec(line)?.[1] ?? '';
        this.#to = [];
        this.#say(this.#isKnown ? '250 ok' : '530 log in first');
        return;
      case 'RCPT':
        this.#to.push(/<(.*?)>/.exec(line)?.[1] ?? '');
        this.#say(this.#init.refusal ?? '250 ok');
        return;
      case 'DATA':
        this.#isData = true;
        this.#say('354 go on');
        return;
      case 'QUIT':
        this.#say('221 bye');
        this.#socket.end();
        return;
      default:
        this.#say('250 ok');
    }
  }

  #secure(): void {
    const { tls } = this.#init;
    this.#say(tls === undefined ? '502 not here' : '220 go ahead');
    if (tls === undefined) return;
    this.#socket.removeAllListeners('data');
    const secured = new TLSSocket(this.#socket, { isServer: true, secureContext: createSecureContext(tls) });
    secured.on('error', () => undefined);
    this.#socket = secured;
    this.#isSecure = true;
    this.#text = '';
    this.#listen();
  }
}
