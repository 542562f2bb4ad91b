/** A real OpenID provider (oidc-provider) over TLS in this process, and a browser that logs in at it. */
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { makeCa, makeCertificate } from './certificates.ts';
import { httpsExchange } from './https-exchange.ts';

export interface ProviderPerson {
  readonly login: string;
  readonly claims: Readonly<Record<string, unknown>>;
}

export interface ProviderOptions {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly redirectUri: string;
}

interface Visited {
  readonly status: number;
  readonly location: string | undefined;
  readonly body: string;
}

export async function startOpenIdProvider({ clientId, clientSecret, redirectUri }: ProviderOptions) {
  const ca = await makeCa('Provider CA');
  const { certificatePem: cert, keyPem: key } = await makeCertificate(ca, { commonName: 'localhost', use: 'server' });
  const people = new Map<string, ProviderPerson>();
  const server = createServer({ cert, key });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `https://localhost:${(server.address() as AddressInfo).port}`;
  // It brings no types.
  const { default: Provider } = await import('oidc-provider' as string);
  const provider = new Provider(issuer, {
    clients: [{ client_id: clientId, client_secret: clientSecret, redirect_uris: [redirectUri] }],
    claims: { openid: ['sub'], profile: ['preferred_username', 'groups'] },
    pkce: { required: () => true },
    findAccount: (_context: unknown, accountId: string) => {
      const person = people.get(accountId);
      return person && { accountId, claims: () => ({ sub: accountId, ...person.claims }) };
    },
    // Nobody is asked for consent, as within one company.
    // biome-ignore lint/suspicious/noExplicitAny: it brings no types
    async loadExistingGrant({ oidc }: any) {
      const grant = new oidc.provider.Grant({ clientId, accountId: oidc.session.accountId });
      grant.addOIDCScope('openid profile');
      await grant.save();
      return grant;
    },
  });
  server.on('request', provider.callback());

  const exchange = httpsExchange({ ca: ca.certificatePem });
  const visit = async (url: string, jar: Map<string, string>, form?: Record<string, string>): Promise<Visited> => {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer =
      form === undefined
        ? await exchange(url, { headers: { cookie } })
        : await exchange(url, {
            method: 'POST',
            headers: { cookie, 'content-type': 'application/x-www-form-urlencoded' },
            body: new URLSearchParams(form).toString(),
          });
    for (const set of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(set) ?? [];
      jar.set(name, value);
    }
    const location = answer.headers.get('location');
    const next = location === null ? undefined : new URL(location, url).href;
    return { status: answer.status, location: next, body: await answer.text() };
  };

  return {
    issuer,
    caPem: ca.certificatePem,
    /** Who there is; a person may change between two logins. */
    people,
    /** Logs in at the provider as `login`, from the URL that a login began with; returns the URL that it sends the browser back to. */
    async logIn(url: string, login: string): Promise<string> {
      const jar = new Map<string, string>();
      let at = url;
      for (let step = 0; step < 10; step++) {
        let visited = await visit(at, jar);
        if (visited.location === undefined) {
          const form = /<form[^>]*action="([^"]+)"/.exec(visited.body)?.[1];
          if (form === undefined) throw new Error(`the provider shows no form: ${visited.status} ${visited.body}`);
          visited = await visit(new URL(form, at).href, jar, { prompt: 'login', login, password: 'any' });
        }
        at = visited.location ?? '';
        if (at.startsWith(redirectUri)) return at;
      }
      throw new Error(`the provider does not send the browser back: ${at}`);
    },
    async stop(): Promise<void> {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
