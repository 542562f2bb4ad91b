/** Amounts as people read them. */

/** `17 s`, `4 min`, `3 h 20 min`, `12 d 3 h`. */
export function durationText(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  const days = Math.floor(hours / 24);
  return hours % 24 === 0 ? `${days} d` : `${days} d ${hours % 24} h`;
}

/** `812 B`, `1.2 KB`, `34 MB`: thousands, as rates are counted. */
export function bytesText(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  let unit = 0;
  let amount = bytes;
  while (amount >= 1000 && unit < units.length - 1) {
    amount /= 1000;
    unit++;
  }
  return `${shortNumber(amount)} ${units[unit]}`;
}

/** Two or three digits that matter: `0.4`, `12`, `340`. */
export function shortNumber(amount: number): string {
  return amount < 10 && !Number.isInteger(amount) ? amount.toFixed(1) : String(Math.round(amount));
}

export function rateText(messagesPerSecond: number, bytesPerSecond: number): string {
  return `${shortNumber(messagesPerSecond)} messages/s, ${bytesText(bytesPerSecond)}/s`;
}
