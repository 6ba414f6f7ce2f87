/** Short messages in the corner. Errors stay until read; the rest goes after a while. */

import { icon } from "./icons.js";

const SHOWN_MS = 5_000;
const ERROR_SHOWN_MS = 12_000;
const MAX_SHOWN = 4;

const box = () => document.getElementById("toasts");

/** Shows `text`; `link` {href, text} is added when given. The same text twice is shown once. */
export function toast(text, { error = false, link = null } = {}) {
  for (const old of box().children) if (old.dataset.text === text) old.remove();
  while (box().children.length >= MAX_SHOWN) box().firstChild.remove();
  const element = document.createElement("div");
  element.className = error ? "toast error" : "toast";
  element.dataset.text = text;
  element.setAttribute("role", error ? "alert" : "status");
  const words = document.createElement("p");
  words.textContent = text;
  element.append(words);
  if (link) element.append(anchor(link));
  const close = document.createElement("button");
  close.type = "button";
  close.className = "quiet small";
  close.setAttribute("aria-label", "Dismiss");
  close.append(icon("close"));
  close.addEventListener("click", () => element.remove());
  element.append(close);
  box().append(element);
  setTimeout(() => element.remove(), error || link ? ERROR_SHOWN_MS : SHOWN_MS);
}

export function clearToasts() {
  box().replaceChildren();
}

/** Tells a screen reader, without showing anything. */
export function announce(text) {
  document.getElementById("announcements").textContent = text;
}

function anchor({ href, text }) {
  const element = document.createElement("a");
  element.href = href;
  element.textContent = text;
  element.download = "";
  return element;
}
