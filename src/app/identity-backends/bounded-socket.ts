/**
 * A socket that takes so many bytes and no more. The libraries for LDAP, PostgreSQL and Redis gather an answer until it is
 * whole, and a server that lies about its length, or never ends, would fill the memory: here it ends.
 */
import { connect, type Socket } from 'node:net';
import { Duplex } from 'node:stream';

export class BoundedSocket extends Duplex {
  #socket: Socket | undefined;
  #leftBytes: number;
  readonly #sizeMaxBytes: number;

  constructor(sizeMaxBytes: number) {
    super({ allowHalfOpen: false });
    this.#sizeMaxBytes = sizeMaxBytes;
    this.#leftBytes = sizeMaxBytes;
  }

  /** The next answer may be as long again. */
  refill(): void {
    this.#leftBytes = this.#sizeMaxBytes;
  }

  connect(port: number, host: string): this;
  /** Of a socket in the file system. */
  connect(path: string): this;
  connect(portOrPath: number | string, host?: string): this {
    const socket = typeof portOrPath === 'number' ? connect(portOrPath, host) : connect(portOrPath);
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('connect', () => this.emit('connect'));
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('end', () => this.push(null));
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', () => this.destroy());
    return this;
  }

  #take(chunk: Buffer): void {
    this.#leftBytes -= chunk.length;
    if (this.#leftBytes < 0) this.destroy(new Error(`the answer is larger than ${this.#sizeMaxBytes} bytes`));
    else if (!this.push(chunk)) this.#socket?.pause();
  }

  override _read(): void {
    this.#socket?.resume();
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.#socket === undefined) done(new Error('the socket is not connected'));
    else this.#socket.write(chunk, encoding, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.#socket === undefined) done();
    else this.#socket.end(() => done());
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket?.destroy();
    done(error);
  }

  // What libraries set on a socket and what does not matter here.
  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  ref(): this {
    this.#socket?.ref();
    return this;
  }

  unref(): this {
    this.#socket?.unref();
    return this;
  }
}
