/** Initials on a colour of one's own, for people without a picture. */

/** The first letters of the first and last word; whole characters, also beyond the basic plane. */
export function initials(name) {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const ends = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  return ends.map((word) => [...word][0].toUpperCase()).join("") || "?";
}

/** The same name has the same hue everywhere, 0 to 359. */
export function hue(name) {
  let hash = 0;
  for (const c of name) hash = (hash * 31 + c.codePointAt(0)) % 3600;
  return hash % 360;
}

export function paint(element, name) {
  element.textContent = initials(name);
  element.style.setProperty("--hue", hue(name));
}
