/** Returns how many bytes a text takes in UTF-8. Lone surrogates count as U+FFFD, as `TextEncoder` writes them. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    // A surrogate pair is four bytes in two units; any other unit from U+0800 is three bytes.
    const isPair = unit >= 0xd800 && unit < 0xdc00 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00;
    if (isPair) i++;
    bytes += unit < 0x800 ? 1 : 2;
  }
  return bytes;
}
