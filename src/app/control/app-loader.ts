/**
 * Loads the application behind the control socket and the HTTPS listener: fastify, the files of routes, and the routes in fastify, all in
 * all some tenths of a second of the thread that carries traffic. So it is done some time after the start, file by file with pauses
 * between, and a start waits for none of it. Whoever asks before that has it loaded at once, in pieces without pauses.
 */
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import type { Timer } from '../../base/clock.ts';
import { nextTurn } from '../../base/turn-share.ts';
import type { ControlApp } from './http-app.ts';
import { importedFiles, requiredFiles } from './leaf-first.ts';
import type { ControlServices } from './services.ts';

/** The clients of before a restart come back first. */
const BEGIN_AFTER_MS = 5000;
const PAUSE_MS = 5;

/** What is asked for in the end, in the order in which it comes. */
const MODULES = ['http-app', 'route-table'].map((name) => new URL(name + extension(), import.meta.url));

/** `.ts` when run from source, `.js` when compiled. */
function extension(): string {
  return import.meta.url.slice(import.meta.url.lastIndexOf('.'));
}

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

  /** File by file, each with a turn of its own. */
  async #loadInPieces(): Promise<ControlApp> {
    const require = createRequire(import.meta.url);
    for await (const path of requiredFiles(require.resolve('fastify'))) {
      if (require.cache[path] !== undefined) continue;
      require(path);
      await this.#pause();
    }
    for (const module of MODULES) {
      for await (const path of importedFiles(module)) {
        await import(pathToFileURL(path).href);
        await this.#pause();
      }
    }
    const { makeControlApp } = await import('./http-app.ts');
    const { ROUTES: routes } = await import('./route-table.ts');
    return makeControlApp({ services: this.#services, routes, pause: () => this.#pause() });
  }

  /** Lets what has come for clients meanwhile go first. */
  #pause(): Promise<void> {
    if (this.#isAwaited) return new Promise(nextTurn);
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
