/** How this page was opened: the address, and what the browser remembers from last time. */

const NAME_KEY = "mosaic.name";
const ROOM_KEY = "mosaic.room";
const FIRST_ROOM = "demo"; // the room `make run` opens
const CLEAN_KEY = "mosaic.clean-sound";

/**
 * Reads `?room=&name=&token=&autojoin=1` (or `#demo`, or `#room=demo&token=…`, which never reaches a server's log).
 * `audio=raw` sends the microphone as it is, `camera=0` and `microphone=0` start with it off.
 */
export function readAddress(location) {
  const fragment = decodeURIComponent(location.hash.slice(1));
  const query = new URLSearchParams(location.search);
  const hash = fragment.includes("=") ? new URLSearchParams(location.hash.slice(1)) : new URLSearchParams();
  const value = (key) => hash.get(key) ?? query.get(key) ?? "";
  return {
    room: value("room") || (fragment.includes("=") ? "" : fragment) || remembered(ROOM_KEY) || FIRST_ROOM,
    name: value("name") || remembered(NAME_KEY),
    token: value("token"),
    autojoin: value("autojoin") === "1",
    camera: value("camera") !== "0",
    microphone: value("microphone") !== "0",
    cleanSound: value("audio") !== "raw" && remembered(CLEAN_KEY) !== "off",
  };
}

/** The address to hand to others: the room alone, without one's own name or token. */
export function inviteAddress(location, room) {
  return `${location.origin}${location.pathname}?room=${encodeURIComponent(room)}`;
}

export function socketAddress(location) {
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/v1/ws`;
}

/** For the next visit; and a reload comes back to the same room. */
export function rememberJoin({ room, name }) {
  remember(NAME_KEY, name);
  remember(ROOM_KEY, room);
  const here = new URL(window.location);
  if (readAddress(here).room === room) return;
  here.searchParams.set("room", room);
  here.hash = here.hash.includes("=") ? here.hash : "";
  history.replaceState(null, "", here);
}

export function rememberCleanSound(on) {
  remember(CLEAN_KEY, on ? "on" : "off");
}

function remembered(key) {
  try {
    return localStorage.getItem(key) ?? "";
  } catch {
    return ""; // storage is blocked: nothing is remembered, and that is fine
  }
}

function remember(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // storage is blocked or full
  }
}
