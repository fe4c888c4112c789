/**
 * Escapes the control characters of a text from elsewhere, which a terminal might obey. JSON alone does not escape those
 * from U+007F to U+009F.
 */
export const printable = (text: string): string =>
  text.replace(/\p{Cc}/gu, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
