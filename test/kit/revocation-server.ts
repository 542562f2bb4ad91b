/** A loopback HTTP server that gives out revocation lists and answers OCSP requests, or misbehaves as a test wants. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HOST } from './process.ts';

/** Bytes for a request's body; undefined never answers. */
export type Behaviour = (body: Buffer) => Uint8Array | undefined;

export class RevocationServer {
  /** By path. */
  readonly behaviours = new Map<string, Behaviour>();
  /** How often each path was asked. */
  readonly asked = new Map<string, number>();
  readonly #server = createServer((request, response) => void this.#answer(request, response));

  async open(): Promise<this> {
    this.#server.listen(0, HOST);
    await once(this.#server, 'listening');
    return this;
  }

  url(path: string): string {
    return `http://${HOST}:${(this.#server.address() as AddressInfo).port}/${path}`;
  }

  /** What is given out at this path from now on. */
  give(path: string, behaviour: Uint8Array | Behaviour): void {
    this.behaviours.set(`/${path}`, behaviour instanceof Uint8Array ? () => behaviour : behaviour);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '/';
    this.asked.set(path, (this.asked.get(path) ?? 0) + 1);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const behaviour = this.behaviours.get(path);
    if (behaviour === undefined) {
      response.writeHead(404).end();
      return;
    }
    const body = behaviour(Buffer.concat(chunks));
    if (body !== undefined) response.end(body);
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
