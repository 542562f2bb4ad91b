/** The guards of the listeners' client certificates, and what of them outlives a reload: fetched lists, answers, issuers. */
import type { Chance } from '../../base/chance.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import type { Emit } from '../../base/events.ts';
import { buildCertificateGuard, type CertificateGuard } from '../../policy/identity/certificate-guard.ts';
import { KnownAuthorities, TrustedRoots } from '../../policy/identity/revocation/certificate-path.ts';
import { DistributionPoints } from '../../policy/identity/revocation/distribution-points.ts';
import type { FileLists } from '../../policy/identity/revocation/file-lists.ts';
import { Responders } from '../../policy/identity/revocation/responders.ts';
import type { NextUpdate, RevocationSource } from '../../policy/identity/revocation/source.ts';
import type { Config, TlsConfig } from '../config/config.ts';
import { HttpExchange } from './http-exchange.ts';
import { ListDirectory } from './list-directory.ts';
import { readFileLists, readPins } from './revocation-files.ts';

export interface GuardServices {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly emit: Emit;
  /** Open connections have to be looked at anew. */
  readonly recheck: () => void;
}

/** Built with a configuration, and not in force yet. */
export interface PreparedGuards {
  of(listener: string): CertificateGuard | undefined;
  readonly trusted: ReadonlyMap<string, TrustedRoots>;
  readonly fileLists: readonly FileLists[];
  readonly cacheDirectories: ReadonlySet<string>;
  readonly isWatchful: boolean;
}

/** Several lists that arrive together lead to one look at the connections. */
const GATHER_MS = 50;
/** How often open connections are held against what responders say. */
const SWEEP_MS = 60_000;

export class CertificateGuards {
  readonly #services: GuardServices;
  readonly #exchange: HttpExchange;
  readonly #known = new KnownAuthorities();
  readonly #responders: Responders;
  readonly #points = new Map<string, DistributionPoints>();
  /** By the PEM of the CA file: a reload that does not change it keeps the paths that were found. */
  #trusted: ReadonlyMap<string, TrustedRoots> = new Map();
  #fileLists: readonly FileLists[] = [];
  #gathering: Timer | undefined;
  #sweep: Timer | undefined;

  constructor(services: GuardServices) {
    this.#services = services;
    const { clock, chance } = services;
    this.#exchange = new HttpExchange(clock);
    this.#responders = new Responders({
      clock,
      chance,
      ask: (url, request, bounds) => this.#exchange.postOcsp(url, request, bounds),
      onChange: () => this.#onChange(),
    });
  }

  /**
   * `clientCaOf` gives the PEM that a listener's TLS was built with.
   * @throws {OperatorError} or {FileFaultError} for what is wrong in a file.
   */
  async prepare(config: Config, clientCaOf: (listener: string) => string | undefined): Promise<PreparedGuards> {
    const guards = new Map<string, CertificateGuard>();
    const trusted = new Map<string, TrustedRoots>();
    const fileLists: FileLists[] = [];
    const cacheDirectories = new Set<string>();
    let isWatchful = false;
    const { clock, emit } = this.#services;
    for (const { name, tls } of config.listeners) {
      const pem = clientCaOf(name);
      if (tls === undefined || tls.clientCertificate === 'none' || pem === undefined) continue;
      const roots = trusted.get(pem) ?? this.#trusted.get(pem) ?? new TrustedRoots(pem, this.#known);
      trusted.set(pem, roots);
      const { pinFile, revocation } = tls;
      const pins = pinFile === undefined ? undefined : { file: pinFile, fingerprints: await readPins(pinFile) };
      const lists = await this.#fileListsOf(tls, roots);
      if (lists !== undefined) fileLists.push(lists);
      if (revocation?.crlDistributionPoints === true) cacheDirectories.add(revocation.cacheDirectory);
      isWatchful ||= revocation?.ocsp === true || revocation?.crlDistributionPoints === true;
      const { mode, timeoutMs } = revocation ?? {};
      guards.set(
        name,
        buildCertificateGuard({
          listener: name,
          roots,
          pins,
          revocation:
            mode === undefined || timeoutMs === undefined
              ? undefined
              : { mode, timeoutMs, sources: this.#sourcesOf(tls, lists) },
          clock,
          emit,
        }),
      );
    }
    return { of: (listener) => guards.get(listener), trusted, fileLists, cacheDirectories, isWatchful };
  }

  async #fileListsOf({ revocation }: TlsConfig, roots: TrustedRoots): Promise<FileLists | undefined> {
    if (revocation === undefined || revocation.crlFiles.length === 0) return undefined;
    const { clock } = this.#services;
    const pause = (): Promise<void> => this.#pause();
    return readFileLists(revocation.crlFiles, roots.authorities, { clock, pause });
  }

  /** What is closest at hand comes first. */
  #sourcesOf({ revocation }: TlsConfig, lists: FileLists | undefined): RevocationSource[] {
    const sources: RevocationSource[] = [];
    if (lists !== undefined) sources.push(lists);
    if (revocation?.crlDistributionPoints === true) sources.push(this.#pointsOf(revocation.cacheDirectory));
    if (revocation?.ocsp === true) sources.push(this.#responders);
    return sources;
  }

  #pointsOf(directory: string): DistributionPoints {
    const { clock, chance, emit } = this.#services;
    let points = this.#points.get(directory);
    if (points === undefined) {
      points = new DistributionPoints({
        clock,
        chance,
        emit,
        fetch: (url, bounds) => this.#exchange.get(url, bounds),
        cache: new ListDirectory(directory, emit),
        pause: () => this.#pause(),
        onChange: () => this.#onChange(),
      });
      this.#points.set(directory, points);
    }
    return points;
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => this.#services.clock.after(0, resolve));
  }

  /** Puts into force what was prepared, and lets go of what it no longer needs. */
  commit(prepared: PreparedGuards): void {
    const { clock, emit } = this.#services;
    this.#trusted = prepared.trusted;
    for (const lists of this.#fileLists) lists.unwatch();
    this.#fileLists = prepared.fileLists;
    for (const lists of this.#fileLists) lists.watch(emit);
    for (const [directory, points] of this.#points) {
      if (prepared.cacheDirectories.has(directory)) continue;
      points.close();
      this.#points.delete(directory);
    }
    this.#sweep?.cancel();
    if (!prepared.isWatchful) return;
    const sweep = (): void => {
      this.#services.recheck();
      this.#sweep = clock.after(SWEEP_MS, sweep);
    };
    this.#sweep = clock.after(SWEEP_MS, sweep);
  }

  /** Of all lists in force: those from files by their path, those that were fetched together. */
  nextUpdates(): { readonly files: readonly NextUpdate[]; readonly fetched: readonly NextUpdate[] } {
    return {
      files: this.#fileLists.flatMap((lists) => lists.nextUpdates()),
      fetched: [...this.#points.values()].flatMap((points) => points.nextUpdates()),
    };
  }

  #onChange(): void {
    this.#gathering ??= this.#services.clock.after(GATHER_MS, () => {
      this.#gathering = undefined;
      this.#services.recheck();
    });
  }

  close(): void {
    this.#sweep?.cancel();
    this.#gathering?.cancel();
    for (const lists of this.#fileLists) lists.unwatch();
    for (const points of this.#points.values()) points.close();
    this.#exchange.close();
  }
}
