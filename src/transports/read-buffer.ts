/**
 * The buffer that sockets read into, all of them the same: the runtime fills it and calls the reader within the same turn, and a
 * reader that has not finished copies the rest. Larger than what the runtime itself would allocate for each chunk, so that large
 * packets mostly come whole.
 */
const READ_BYTES = 262_144;

export const readBuffer = Buffer.allocUnsafeSlow(READ_BYTES);

/**
 * The same for clients that nobody knows yet. What came behind a CONNECT is kept until that is answered, and a stranger is to make us
 * keep no more than this.
 */
const DOOR_BYTES = 16_384;

export const doorBuffer = Buffer.allocUnsafeSlow(DOOR_BYTES);
