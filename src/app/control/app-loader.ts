/**
 * Loads the application behind the control socket and the HTTPS listener: fastify, the files of routes, and the routes in fastify, all in
 * all some tenths of a second of the thread that carries traffic. So it is done some time after the start, piece by piece with pauses
 * between, and a start waits for none of it. Whoever asks before that has it loaded at once, in pieces without pauses.
 */
import { readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { systemClock, type Timer } from '../../base/clock.ts';
import type { ControlApp } from './http-app.ts';
import type { ControlServices } from './services.ts';

/** The clients of before a restart come back first. */
const BEGIN_AFTER_MS = 5000;
const PAUSE_MS = 10;

/** Of fastify's own packages, those that it loads only for what is not used here. */
const UNUSED = new Set([
  '@fastify/ajv-compiler',
  '@fastify/fast-json-stringify-compiler',
  'fast-json-stringify',
  'light-my-request',
]);

const ROUTES = new URL('./routes/', import.meta.url);
const ROUTE_FILE = /^[a-z-]+-routes\.(ts|js)$/;

export class AppLoader {
  readonly #services: ControlServices;
  #timer: Timer | undefined;
  #app: Promise<ControlApp> | undefined;
  #isAwaited = false;
  #endPause: (() => void) | undefined;

  constructor(services: ControlServices) {
    this.#services = services;
  }

  /** Loads it when the start is over. */
  begin(): void {
    // Whoever asks is told what has failed.
    this.#timer = this.#services.clock.after(BEGIN_AFTER_MS, () => void this.#load().catch(() => undefined));
  }

  /** For a request. */
  get(): Promise<ControlApp> {
    this.close();
    return this.#load();
  }

  /** Nothing more is begun, and nothing waits. */
  close(): void {
    this.#isAwaited = true;
    this.#timer?.cancel();
    this.#endPause?.();
  }

  #load(): Promise<ControlApp> {
    this.#app ??= this.#loadInPieces();
    return this.#app;
  }

  async #loadInPieces(): Promise<ControlApp> {
    await this.#loadFastify();
    const { makeControlApp } = await import('./http-app.ts');
    for (const name of await readdir(ROUTES)) {
      if (!ROUTE_FILE.test(name)) continue;
      await this.#pause();
      await import(new URL(name, ROUTES).href);
    }
    await this.#pause();
    const { ROUTES: routes } = await import('./route-table.ts');
    return makeControlApp({ services: this.#services, routes, pause: () => this.#pause() });
  }

  /** Whole it would be one long piece, so the packages that it is made of come first. */
  async #loadFastify(): Promise<void> {
    const require = createRequire(import.meta.resolve('fastify'));
    const { dependencies } = require('./package.json') as { dependencies: Record<string, string> };
    for (const name of Object.keys(dependencies)) {
      if (UNUSED.has(name)) continue;
      require(name);
      await this.#pause();
    }
  }

  /** Lets what has come for clients meanwhile go first. */
  #pause(): Promise<void> {
    if (this.#isAwaited) return new Promise((resolve) => void systemClock.after(0, resolve));
    return new Promise((resolve) => {
      const timer = this.#services.clock.after(PAUSE_MS, () => this.#endPause?.());
      this.#endPause = () => {
        this.#endPause = undefined;
        timer.cancel();
        resolve();
      };
    });
  }
}
