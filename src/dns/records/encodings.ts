/** Bytes as hexadecimal, base64 (RFC 4648 §4) and base32 with the extended hex alphabet, unpadded (§7). */

export function hexText(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return text.toUpperCase();
}

/** @returns undefined when the text is not an even number of hexadecimal digits */
export function hexBytes(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) return undefined;
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(i * 2, i * 2 + 2), 16);
  return bytes;
}

export function base64Text(bytes: Uint8Array): string {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/** @returns undefined when the text is no base64; padding may be missing */
export function base64Bytes(text: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  const digits = text.replaceAll("=", "");
  if (digits.length % 4 === 1) return undefined;
  return Uint8Array.from(atob(digits), (character) => character.charCodeAt(0));
}

const BASE32_HEX = "0123456789ABCDEFGHIJKLMNOPQRSTUV";

export function base32HexText(bytes: Uint8Array): string {
  let text = "";
  let pending = 0;
  let bits = 0;
  for (const byte of bytes) {
    pending = ((pending << 8) | byte) & 0xfff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += BASE32_HEX.charAt((pending >> bits) & 31);
    }
  }
  return bits > 0 ? text + BASE32_HEX.charAt((pending << (5 - bits)) & 31) : text;
}

/** @returns undefined when the text is no such base32 */
export function base32HexBytes(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(Math.floor((text.length * 5) / 8));
  let written = 0;
  let pending = 0;
  let bits = 0;
  for (const character of text.toUpperCase()) {
    const digit = BASE32_HEX.indexOf(character);
    if (digit < 0) return undefined;
    pending = ((pending << 5) | digit) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes[written++] = pending >> bits;
    }
  }
  return bytes;
}
