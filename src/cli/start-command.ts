/** `sallyport start`: runs the gateway until a signal ends it. */
import { accessSync } from 'node:fs';
import { join } from 'node:path';
import { BanDesk } from '../app/bans/ban-desk.ts';
import { Bans } from '../app/bans/bans.ts';
import type { Config } from '../app/config/config.ts';
import { type LoadedConfig, loadConfig } from '../app/config/load.ts';
import { OperatorError } from '../app/config/problem.ts';
import { settingChanges } from '../app/config/setting-changes.ts';
import { type ControlServer, openControlServer } from '../app/control/control-server.ts';
import { CONTROL_SOCKET } from '../app/control/control-socket.ts';
import { lockDirectory } from '../app/control/directory-lock.ts';
import type { ControlServices } from '../app/control/services.ts';
import { denialOf, isDenial } from '../app/denied-place.ts';
import { makeDirectory } from '../app/directory.ts';
import { BanSets } from '../app/firewall/ban-sets.ts';
import { runNft } from '../app/firewall/nft.ts';
import type { Gateway, GatewayOptions, ReloadOutcome } from '../app/gateway.ts';
import { type InitOutcome, initialize } from '../app/init/initialize.ts';
import { renewServerCertificate } from '../app/init/renewal.ts';
import { firstSteps, listening } from '../app/init/welcome.ts';
import { liveServices } from '../app/live-services.ts';
import { AlertDesk } from '../app/observability/alerts/alert-desk.ts';
import { banSamples } from '../app/observability/metrics/ban-samples.ts';
import type { MetricsEndpoint } from '../app/observability/metrics/metrics-endpoint.ts';
import { type Observers, openObservers } from '../app/observability/observers.ts';
import { Operators } from '../app/operators/operators.ts';
import { operatorsFileOf } from '../app/operators/operators-file.ts';
import { publishAtOwnBroker } from '../app/own-publisher.ts';
import { isDamage } from '../app/sqlite-file.ts';
import { SysTree } from '../app/status/sys-tree.ts';
import { VERSION } from '../app/version.ts';
import { Learner } from '../app/watching/learner.ts';
import { systemChance } from '../base/chance.ts';
import { systemClock } from '../base/clock.ts';
import { type Command, ExitCode, PLACE_OPTIONS } from './command.ts';
import { type Place, placeOf } from './place.ts';
import { ownerRisks, risksOf } from './risks.ts';
import { stayAwake } from './stay-awake.ts';
import { printError, styled } from './terminal.ts';

const DIRECTORY_MODE = 0o700;
/** As a shell reports a program that a second interrupt has ended. */
const INTERRUPTED_EXIT_CODE = 130;

export const startCommand: Command = {
  name: 'start',
  usage: ['[--config FILE | --data DIR]'],
  wordsMax: 0,
  description:
    'Runs the gateway in the foreground. Where the data directory has no configuration yet, it is made as by `sallyport init`, and the first password is shown. Events go to standard output as JSON lines, unless log.destination says otherwise; what is meant for people goes to standard error. SIGHUP reloads and reopens the log file, SIGTERM and SIGINT drain and stop, a second one stops at once.',
  options: PLACE_OPTIONS,
  examples: [
    ['sallyport start', 'In ./data, made if it is not there'],
    ['sallyport start --data /var/lib/sallyport > events.log', 'Events in a file of their own'],
    ['sallyport start --config /etc/sallyport/sallyport.yaml', 'As a service'],
  ],
  exitCodes: [
    [0, 'stopped by a signal, in order'],
    [2, 'configuration, certificate, port or data directory has to be mended first'],
  ],
  async run(invocation) {
    const place = placeOf(invocation);
    const made = await setUp(place);
    try {
      return await startIn(place, made);
    } catch (error) {
      // A start that fails must not take the only copy of the first password with it.
      if (made?.user !== undefined) {
        printError(`A first user was made: ${made.user.username}, with the password ${made.user.password}`);
      }
      throw error;
    }
  },
};

async function startIn(place: Place, made: InitOutcome | undefined): Promise<number> {
  const loaded = await loadConfig(place.configFile);
  const { config } = loaded;
  const risks = [...(await risksOf(config)), ...(await ownerRisks(config.dataDirectory, process.getuid?.()))];
  for (const risk of risks) printError(`${styled('yellow', 'risk:', process.stderr)} ${risk}`);
  await makeDataDirectory(config.dataDirectory);
  const lock = lockDirectory(config.dataDirectory);
  // All that is left at the end may be a collector that does not answer, and the time that it is given.
  const sleep = stayAwake();
  try {
    await renewServerCertificate(config.dataDirectory, systemClock, systemChance);
    const observers = await openObservers(config, { clock: systemClock, chance: systemChance, version: VERSION });
    try {
      return await runGateway(place, loaded, observers, made);
    } finally {
      await observers.close();
    }
  } finally {
    sleep();
    lock.release();
  }
}

/** The first start's files, where the operator has not brought a configuration. */
async function setUp({ isNamed, configFile, directory }: Place): Promise<InitOutcome | undefined> {
  if (isNamed || isThere(configFile, directory)) return undefined;
  return initialize({ directory, names: [], clock: systemClock, chance: systemChance });
}

/** Where this user may not look, nobody knows whether another one would have to be made. */
function isThere(file: string, directory: string): boolean {
  try {
    accessSync(file);
    return true;
  } catch (error) {
    if (!isDenial(error)) return false;
    const says = denialOf(file, { todo: 'read', tree: directory });
    throw new OperatorError(`The data directory ${directory} cannot be used: ${says}.`);
  }
}

async function makeDataDirectory(directory: string): Promise<void> {
  try {
    await makeDirectory(directory, DIRECTORY_MODE, 'data directory');
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    const says = isDenial(error) ? denialOf(directory, { todo: 'write' }) : (error as Error).message;
    throw new OperatorError(`The data directory ${directory} cannot be made: ${says}.`);
  }
}

async function runGateway(
  place: Place,
  loaded: LoadedConfig,
  observers: Observers,
  made: InitOutcome | undefined,
): Promise<number> {
  const { config } = loaded;
  const { log } = observers;
  const stopSignal = nextSignal(['SIGTERM', 'SIGINT']);
  // A supervisor may ask for a reload before there is anything to reload; unheard, the signal would end the process.
  let onHangUp = (): void => undefined;
  process.on('SIGHUP', () => onHangUp());
  const bans = new Bans({ config, clock: systemClock, chance: systemChance, emit: observers.emit });
  const banSets = new BanSets(config.firewall, {
    clock: systemClock,
    emit: observers.emit,
    index: bans.index,
    run: runNft,
  });
  bans.follow(banSets);
  let read = loaded;
  let inForce = loaded;
  const options: GatewayOptions = {
    config,
    configPath: place.configFile,
    loadConfig: async () => {
      read = await loadConfig(place.configFile);
      return read.config;
    },
    emit: observers.emit,
    clock: systemClock,
    chance: systemChance,
    bans,
  };
  const gateway = await openGateway(options);
  observers.metrics.addSource(() => gateway.samples());
  observers.metrics.addSource(() => banSamples(bans.index));
  const metricsEndpoint = await openMetrics(config, observers, gateway);
  observers.alerts.publish = async (message) => {
    const { openOwn } = gateway.upstreams;
    if (openOwn === undefined) throw new Error('clients are sent to no broker within');
    await publishAtOwnBroker(openOwn, message, systemChance);
  };
  const learner = await Learner.open({
    dataDirectory: config.dataDirectory,
    settings: config.authorization.learn,
    watching: gateway.watching,
    clock: systemClock,
    emit: observers.emit,
  });

  const reload = async (): Promise<ReloadOutcome> => {
    const outcome = await gateway.reload();
    if (!outcome.ok) return outcome;
    const changes = settingChanges(inForce.settings, read.settings);
    if (changes.length > 0)
      observers.onAction({ name: 'settings.changed', by: place.configFile, from: 'reload', outcome: 'done', changes });
    inForce = read;
    bans.apply(read.config);
    banSets.apply(read.config.firewall);
    learner.configure(read.config.authorization.learn);
    operators?.apply(read.config);
    const restartNeeded = [
      ...outcome.restartNeeded,
      ...observers.apply(read.config),
      ...(await applyMetrics(metricsEndpoint, read.config, observers)),
      ...(await control.apply(read.config.control)),
    ];
    return { ...outcome, restartNeeded };
  };
  const operators = await openOperators(config, observers, gateway);
  const banDesk = new BanDesk(bans, () => systemClock.epochMs() - systemClock.nowMs());
  const live = liveServices({
    clock: systemClock,
    emit: observers.emit,
    gateway,
    banDesk,
    observers,
    config,
    inForce: () => inForce.config,
  });
  const sysTree = new SysTree(systemClock, live.status, gateway.upstreams);
  const control = await openControl(config, {
    clock: systemClock,
    chance: systemChance,
    emit: observers.emit,
    gateway,
    learner,
    banDesk,
    operators,
    alertDesk: new AlertDesk(observers.alerts),
    live,
    inForce: () => inForce,
    reload,
    onAction: observers.onAction,
    metricsText: () => observers.metrics.text(),
  });
  onHangUp = () => {
    log.reopen();
    void reload();
  };
  // Where log and greeting share a terminal, they do not mix.
  await log.settled();
  welcome(gateway, made);

  const signal = await stopSignal;
  onHangUp = () => undefined;
  // Whoever asks twice does not want to wait.
  void nextSignal(['SIGTERM', 'SIGINT']).then(() => process.exit(INTERRUPTED_EXIT_CODE));
  sysTree.close();
  await control.close();
  operators?.close();
  await learner.close();
  await metricsEndpoint?.close();
  await gateway.drain(signal);
  await banSets.close();
  bans.close();
  return ExitCode.Ok;
}

/** Broker, pipeline and transports are loaded here, and not for every `--help`. */
async function openGateway(options: GatewayOptions): Promise<Gateway> {
  if (options.config.workers === 1) return (await import('../app/gateway.ts')).startGateway(options);
  return (await import('../app/workers/gateway-of-workers.ts')).startGatewayOfWorkers(options);
}

/** Loaded only where it is configured. */
async function openMetrics(
  config: Config,
  { metrics, emit }: Observers,
  gateway: Gateway,
): Promise<MetricsEndpoint | undefined> {
  if (config.metrics.port === undefined) return undefined;
  const { openMetricsEndpoint } = await import('../app/observability/metrics/metrics-endpoint.ts');
  try {
    const text = (format: 'prometheus' | 'openmetrics'): Promise<string> => metrics.text(format);
    return await openMetricsEndpoint({ config: config.metrics, text, clock: systemClock, emit });
  } catch (error) {
    await gateway.drain('failed start');
    throw error;
  }
}

/** What is wrong with its files leaves the old ones in force. */
async function applyMetrics(
  endpoint: MetricsEndpoint | undefined,
  { metrics }: Config,
  { emit }: Observers,
): Promise<string[]> {
  if (endpoint === undefined) return metrics.port === undefined ? [] : ['metrics.port'];
  try {
    return await endpoint.apply(metrics);
  } catch (error) {
    emit({ name: 'listener.failed', listener: 'metrics', says: (error as Error).message });
    return [];
  }
}

/**
 * Their file is opened also where there is no HTTPS: commands beside the gateway change it, and the journal tells of that. One that is
 * damaged lets no operator in, and keeps no client out: undefined then.
 */
async function openOperators(config: Config, { emit }: Observers, gateway: Gateway): Promise<Operators | undefined> {
  try {
    return new Operators({ config, clock: systemClock, chance: systemChance, emit });
  } catch (error) {
    if (isDamage(error)) {
      emit({ name: 'storage.failed', path: operatorsFileOf(config.dataDirectory), says: (error as Error).message });
      return undefined;
    }
    await gateway.drain('failed start');
    throw error;
  }
}

async function openControl(config: Config, services: ControlServices): Promise<ControlServer> {
  try {
    return await openControlServer({
      path: join(config.dataDirectory, CONTROL_SOCKET),
      services,
      config: config.control,
      ...(services.operators === undefined ? {} : { authenticator: services.operators.authenticator }),
    });
  } catch (error) {
    services.operators?.close();
    await services.gateway.drain('failed start');
    throw error;
  }
}

function nextSignal(signals: readonly NodeJS.Signals[]): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const onSignal = (signal: NodeJS.Signals): void => {
      for (const name of signals) process.off(name, onSignal);
      resolve(signal);
    };
    for (const name of signals) process.on(name, onSignal);
  });
}

/** For people: on a terminal always, elsewhere only when there is a password to tell. */
function welcome(gateway: Gateway, made: InitOutcome | undefined): void {
  if (made === undefined && !process.stderr.isTTY) return;
  const title = styled('bold', `Sallyport ${VERSION} is ready.`, process.stderr);
  printError(`\n${title}\n\n${listening(gateway.listeners)}\n`);
  if (made !== undefined) printError(firstSteps({ listeners: gateway.listeners, outcome: made, isRunning: true }));
}
