/** Why an operator does something: one line for the record, which no terminal and no log takes for two. */
import { text } from '../../config/fields.ts';

const WANTED = 'one line of at most 300 characters';

export function reasonField() {
  return text({ pattern: /^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]{0,300}$/, wanted: WANTED });
}

/** Where there has to be one. */
export function demandedReasonField() {
  return text({ pattern: /^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]{1,300}$/, wanted: WANTED });
}
