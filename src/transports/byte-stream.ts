/** One peer's connection, client's or broker's, as its owner sees it, whatever carries it: bytes in, gathered bytes out. */
import type { Clock } from '../base/clock.ts';
import type { Downstream, DownstreamEnd, DownstreamHandler } from '../pipeline/downstream.ts';
import type { FlushQueue } from './flush-queue.ts';

export type ByteStream = Omit<Downstream, 'facts' | 'established'>;
export type ByteStreamOwner = DownstreamHandler;
export type ByteStreamEnd = DownstreamEnd;

export interface ByteStreamDeps {
  clock: Clock;
  queue: FlushQueue;
  /** How long an orderly close may take. */
  closeGraceMs: number;
}
