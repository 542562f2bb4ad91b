/** The clients of the whole gateway, whichever process serves them: asked with a deadline, answered with what came in time. */
import type { OpenAttack } from '../../policy/detection/attacks.ts';
import type { FlightRecorder } from '../observability/flight-recorder/flight-recorder.ts';
import type { Recording } from '../observability/flight-recorder/recording.ts';
import type { Heard, SilentWorker } from '../silent-workers.ts';
import type { ClientDetails, ClientPage, ClientSummary } from './client-facts.ts';
import { type ClientFilter, type ClientQuery, type Cursor, connectionIdAt, placeOfConnection } from './client-query.ts';
import { FiguresSum, type GatewayFigures } from './gateway-figures.ts';
import type { ClientPart, EndedClient, ProcessClients } from './process-clients.ts';

/** Of the attacks that go on, as many are looked for among clients: those with the highest scores. */
const ATTACKS_MAX = 1000;

/** What one process is asked; plain data. */
export type ClientQuestion =
  | { readonly kind: 'list'; readonly query: ClientQuery }
  | { readonly kind: 'inspect'; readonly id: string; readonly attacks: readonly OpenAttack[] }
  | { readonly kind: 'disconnect'; readonly id: string; readonly by: string; readonly says: string }
  | { readonly kind: 'end at own broker'; readonly clientId: string; readonly by: string; readonly says: string }
  | { readonly kind: 'recordings'; readonly id: string; readonly incident: string }
  | { readonly kind: 'talkers'; readonly countMax: number; readonly attacks: readonly OpenAttack[] }
  | { readonly kind: 'figures' };

/** What it answers. */
export interface ClientAnswers {
  readonly list: ClientPart;
  readonly inspect: readonly ClientDetails[];
  readonly disconnect: readonly EndedClient[];
  readonly 'end at own broker': readonly EndedClient[];
  readonly recordings: readonly Recording[];
  readonly talkers: readonly ClientSummary[];
  readonly figures: GatewayFigures;
}
export type ClientAnswer = ClientAnswers[keyof ClientAnswers];

/** Asks every process; those that do not answer in time are named. */
export type AskProcesses = (question: ClientQuestion) => Promise<Heard<ClientAnswer>>;

/** What was found among the clients of all processes that answered. */
export interface FoundClients<Client> {
  readonly found: readonly Client[];
  readonly silent: readonly SilentWorker[];
}

export function answerOf(
  clients: ProcessClients,
  recorder: FlightRecorder | undefined,
  question: ClientQuestion,
): ClientAnswer {
  switch (question.kind) {
    case 'list':
      return clients.list(question.query);
    case 'inspect':
      return clients.inspect(question.id, question.attacks);
    case 'disconnect':
      return clients.disconnect(question.id, question.by, question.says);
    case 'end at own broker':
      return clients.endAtOwnBroker(question.clientId, question.by, question.says);
    case 'recordings':
      return recorder?.recordingsOf(question.id, question.incident) ?? [];
    case 'talkers':
      return clients.talkers(question.countMax, question.attacks);
    case 'figures':
      return clients.figures();
  }
}

export class GatewayClients {
  readonly #askAll: AskProcesses;
  readonly #attacks: (countMax: number) => readonly OpenAttack[];

  constructor(askAll: AskProcesses, attacks: (countMax: number) => readonly OpenAttack[]) {
    this.#askAll = askAll;
    this.#attacks = attacks;
  }

  /** Attacks that go on, whoever they are laid to. */
  get attacks(): number {
    return this.#attacks(Number.POSITIVE_INFINITY).length;
  }

  async #ask<Kind extends ClientQuestion['kind']>(
    question: Extract<ClientQuestion, { kind: Kind }>,
  ): Promise<Heard<ClientAnswers[Kind]>> {
    // INVARIANT: a process answers what it was asked.
    return (await this.#askAll(question)) as Heard<ClientAnswers[Kind]>;
  }

  /** A page of a filter that few fit may be short, or empty, before the last: processes look at so many clients at most. */
  async list(filter: ClientFilter, after: Cursor, countMax: number): Promise<ClientPage> {
    const attacks = this.#attacks(ATTACKS_MAX);
    const { answers, silent } = await this.#ask<'list'>({ kind: 'list', query: { filter, after, attacks, countMax } });
    const counts = answers.map(({ matched }) => matched);
    return {
      ...pageOf(answers, countMax),
      matched: counts.includes(null) ? null : counts.reduce<number>((sum, count) => sum + (count ?? 0), 0),
      silentWorkers: [...silent],
    };
  }

  async inspect(id: string): Promise<FoundClients<ClientDetails>> {
    return foundIn(await this.#ask<'inspect'>({ kind: 'inspect', id, attacks: this.#attacks(ATTACKS_MAX) }));
  }

  /** Those that it ends. A process that is silent has heard it, and ends its own when it goes on. */
  async disconnect(id: string, by: string, says: string): Promise<FoundClients<EndedClient>> {
    return foundIn(await this.#ask<'disconnect'>({ kind: 'disconnect', id, by, says }));
  }

  /** Those of this client identifier that the embedded broker serves. */
  async endAtOwnBroker(clientId: string, by: string, says: string): Promise<FoundClients<EndedClient>> {
    return foundIn(await this.#ask<'end at own broker'>({ kind: 'end at own broker', clientId, by, says }));
  }

  /** What the flight recorder has of a client or a connection, as far as processes have answered. */
  async recordings(id: string, incident: string): Promise<FoundClients<Recording>> {
    return foundIn(await this.#ask<'recordings'>({ kind: 'recordings', id, incident }));
  }

  /** Those with the most traffic now, most bytes first. */
  async talkers(countMax: number): Promise<ClientSummary[]> {
    const attacks = this.#attacks(ATTACKS_MAX);
    const { answers } = await this.#ask<'talkers'>({ kind: 'talkers', countMax, attacks });
    const bytesOf = ({ bytesInPerSecond, bytesOutPerSecond }: ClientSummary): number =>
      bytesInPerSecond + bytesOutPerSecond;
    return answers
      .flat()
      .sort((a, b) => bytesOf(b) - bytesOf(a))
      .slice(0, countMax);
  }

  /** Those that did not answer are counted as far as they have told before. */
  async figures(): Promise<{ figures: GatewayFigures; silent: readonly SilentWorker[] }> {
    const { answers, silent } = await this.#ask<'figures'>({ kind: 'figures' });
    const sum = new FiguresSum();
    for (const answer of answers) sum.add(answer);
    return { figures: sum.total(), silent };
  }
}

/** The clients of one process come before those of the next; what comes behind a part that is not whole has to wait for its rest. */
function pageOf(parts: readonly ClientPart[], countMax: number): Pick<ClientPage, 'clients' | 'next'> {
  const clients: ClientSummary[] = [];
  for (const part of [...parts].sort((a, b) => slotOf(a) - slotOf(b))) {
    for (const client of part.clients) {
      if (clients.length === countMax) return { clients, next: clients.at(-1)?.connectionId ?? null };
      clients.push(client);
    }
    if (part.through !== null) return { clients, next: connectionIdAt(part.through) };
  }
  return { clients, next: null };
}

function slotOf({ clients: [first], through }: ClientPart): number {
  return (first === undefined ? through : placeOfConnection(first.connectionId))?.slot ?? 0;
}

function foundIn<Found>({ answers, silent }: Heard<readonly Found[]>): FoundClients<Found> {
  return { found: answers.flat(), silent };
}
