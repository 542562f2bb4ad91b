/** Interim answers of HTTP (1xx): few are honest, and the runtime would read them without end, never coming to the answer itself. */
import type { ClientRequest } from 'node:http';

/** 100 Continue and 103 Early Hints come once or twice [RFC 9110, 15.2]. */
const INTERIM_ANSWERS_MAX = 16;

/** Ends the request with an error when there are more. */
export function boundInterimAnswers(request: ClientRequest): void {
  let count = 0;
  request.on('information', () => {
    if (++count === INTERIM_ANSWERS_MAX + 1)
      request.destroy(new Error(`there are more than ${INTERIM_ANSWERS_MAX} interim answers (1xx)`));
  });
}
