/** Writes by the stream that a socket is: for sockets of which nothing else is known. */
import type { Socket } from 'node:net';
import type { ByteBatch } from '../base/byte-batch.ts';
import type { SocketWriter, WriterOwner } from './socket-writer.ts';

export class StreamWriter implements SocketWriter {
  readonly #socket: Socket;
  readonly #onWritten: () => void;

  constructor(socket: Socket, owner: WriterOwner) {
    this.#socket = socket;
    this.#onWritten = () => {
      if (socket.writableLength === 0) owner.onWritten();
    };
  }

  get pendingBytes(): number {
    return this.#socket.writableLength;
  }

  write(batch: ByteBatch): number {
    const size = batch.length;
    if (!this.#socket.writable) {
      batch.clear(0);
      return 0;
    }
    this.#socket.write(batch.take(), this.#onWritten);
    return size;
  }

  end(batch: ByteBatch): number {
    const size = batch.length === 0 ? 0 : this.write(batch);
    this.#socket.end();
    return size;
  }
}
