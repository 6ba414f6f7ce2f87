/** The page: the lobby, then the room, then the lobby again. Everything meets here; every part is in its own module. */

import { Call } from "./call.js";
import { Controls } from "./controls.js";
import { Devices } from "./devices.js";
import { inviteAddress, readAddress, rememberCleanSound, rememberJoin, socketAddress } from "./entry.js";
import { Lobby } from "./lobby.js";
import { Media } from "./media.js";
import { Quality } from "./quality.js";
import { Roster } from "./roster.js";
import { summarise } from "./stats.js";
import { announce, clearToasts, toast } from "./toasts.js";
import { View } from "./view.js";
import { ViewChooser } from "./viewchooser.js";

const byId = (id) => document.getElementById(id);

const address = readAddress(window.location);
const media = new Media({ cleanSound: address.cleanSound });
const view = new View();
const lobby = new Lobby(media, address, join);
const controls = new Controls(
  {
    microphone: (on) => media.setMicrophone(on),
    camera: (on) => media.setCamera(on),
    share,
    record: () => call?.record(),
    layout: (preset) => call?.layouts.choose(preset),
    hand: (on) => call?.raiseHand(on),
    undo: () => call?.layouts.undo(),
    cancel: (id) => call?.layouts.cancel(id),
    leave: () => leave(),
    invite,
  },
  { canShare: media.canShare },
);
const roster = new Roster({
  pin: (id) => call?.layouts.pin(id),
  mute: (id, audio) => call?.mute(id, audio),
  lowerHand: (id) => call?.lowerHand(id),
  kick: (id) => call?.kick(id),
});
const chooser = new ViewChooser((name) => call?.watch(name));
const quality = new Quality((choice) => call?.limitQuality(choice));
const roomDevices = new Devices(media, byId("room-cameras"), byId("room-microphones"));
let call = null;

function join({ room, name }) {
  if (call) return;
  rememberJoin({ room, name });
  lobby.hide();
  byId("room").hidden = false;
  byId("room-title").textContent = room;
  document.title = `${room} · mosaic`;
  const current = new Call(socketAddress(window.location), { room, name, ...(address.token && { token: address.token }) }, media);
  call = current;
  current.addEventListener("state", ({ detail }) => showState(detail.state));
  current.addEventListener("stream", ({ detail }) => view.show(detail.stream));
  current.addEventListener("notice", ({ detail }) => toast(detail.message));
  current.addEventListener("problem", ({ detail }) => toast(detail.message, { error: true }));
  current.addEventListener("ended", ({ detail }) => backToLobby(detail.message));
  current.room.addEventListener("change", () => showRoom(current));
  current.room.addEventListener("news", ({ detail }) => news(current, detail));
  showState("joining");
  showMedia();
  current.start();
  byId("microphone").focus({ focusVisible: false });
}

function leave() {
  const name = call?.room.name;
  call?.leave();
  backToLobby(name ? `You left ${name}.` : "");
}

function backToLobby(notice) {
  call = null;
  view.clear();
  roster.clear();
  clearToasts();
  byId("settings-dialog").close();
  byId("room").hidden = true;
  document.title = "mosaic";
  lobby.show(notice);
}

async function share(on) {
  if (!call) return;
  if (on) await call.share();
  else call.stopSharing();
  showMedia();
}

async function invite() {
  const link = inviteAddress(window.location, call?.room.name ?? address.room);
  try {
    await navigator.clipboard.writeText(link);
    toast("The link to this room is copied. Send it to whoever should come.");
  } catch {
    toast(`The link to this room: ${link}`); // no clipboard: let them copy it by hand
  }
}

function showState(state) {
  view.setState(state, call?.connected ?? false);
  controls.showState(state);
}

function showMedia() {
  controls.showMedia(media.state, call?.sharing ?? false);
}

function showRoom(current) {
  if (current !== call) return;
  controls.showRoom(current.room);
  roster.show(current.room);
  chooser.show(current.room);
  quality.show(current.room);
  view.describe(current.room.tiles);
  showMedia();
}

function news(current, { text, ended }) {
  announce(text);
  if (ended?.state === "failed") toast(`Recording failed: ${ended.error ?? "see the server's log"}`, { error: true });
  else if (ended?.state === "finished") toast("Recording saved.", { link: download(current.room, ended) });
  else toast(text);
}

/** With a token a plain link can't be followed; then there is none. */
function download(room, recording) {
  if (address.token) return null;
  const path = [room.name, "recordings", recording.id, "files", recording.file].map(encodeURIComponent);
  return { href: `./api/v1/rooms/${path.join("/")}`, text: "Download" };
}

function wireSettings() {
  byId("clean-sound").checked = media.cleanSound;
  byId("clean-sound").addEventListener("change", ({ target }) => {
    rememberCleanSound(target.checked);
    media.setCleanSound(target.checked);
  });
  byId("settings").addEventListener("click", async () => {
    await roomDevices.refresh();
    byId("settings-dialog").showModal();
  });
}

/**
 * For tests and for the console; not for other pages. `state` is lobby, joining, live, reconnecting or left;
 * `participants` and `tiles` are the wire's; `stats()` resolves with {video, audio, sent} (stats.js).
 */
window.mcu = {
  get state() {
    return call?.state ?? "lobby";
  },
  get me() {
    return call?.room.me ?? null;
  },
  get participants() {
    return call ? [...call.room.participants.values()] : [];
  },
  get view() {
    return call?.room.view ?? null;
  },
  get tiles() {
    return call?.room.tiles ?? [];
  },
  stats: async () => summarise((await call?.stats()) ?? []),
};

media.addEventListener("change", showMedia);
media.addEventListener("problem", ({ detail }) => {
  if (!lobby.visible) toast(detail.message, { error: true });
});
window.addEventListener("pagehide", () => call?.leave());
wireSettings();

if (address.autojoin) {
  await lobby.openMedia(address);
  join({ room: address.room, name: address.name || "Guest" });
} else {
  lobby.show();
  await lobby.openMedia(address);
}
