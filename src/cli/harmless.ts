/** Senders choose these texts; none of them may steer the reader's terminal. */
export const harmless = (text: string) =>
  text.replace(/\p{Cc}/gu, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
