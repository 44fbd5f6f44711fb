/** A link that may be followed: to a web page or a mail address; anything else, scripts above all, is no link. */
export function linkOf(url: string): string | null {
  return /^(https?:\/\/|mailto:)/i.test(url.trim()) ? url.trim() : null;
}
