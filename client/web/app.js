/** The page: the lobby, then the room, then the lobby again. Everything meets here; every part is in its own module. */

import { Call } from "./call.js";
import { Chat } from "./chat.js";
import { Controls } from "./controls.js";
import { Devices } from "./devices.js";
import { DoorDialog } from "./doordialog.js";
import { inviteAddress, readAddress, rememberCleanSound, rememberJoin, socketAddress } from "./entry.js";
import { Lobby } from "./lobby.js";
import { LobbyList } from "./lobbylist.js";
import { Media } from "./media.js";
import { PersonDialog } from "./persondialog.js";
import { PersonTiles } from "./persontiles.js";
import { Quality } from "./quality.js";
import { Reactions } from "./reactions.js";
import { Roster } from "./roster.js";
import { Side } from "./side.js";
import { summarise } from "./stats.js";
import { announce, clearToasts, toast } from "./toasts.js";
import { View } from "./view.js";
import { ViewChooser } from "./viewchooser.js";
import { WaitingScreen } from "./waiting.js";

const byId = (id) => document.getElementById(id);

const PASSWORD = new Set(["password_required", "wrong_password"]); // the codes of refusals that one can mend
const address = readAddress(window.location);
const media = new Media({ cleanSound: address.cleanSound });
const view = new View();
const personTiles = new PersonTiles(() => view.askToHear(() => personTiles.unmute()));
const lobby = new Lobby(media, address, join);
const controls = new Controls(
  {
    microphone: (on) => media.setMicrophone(on),
    camera: (on) => media.setCamera(on),
    share,
    record: () => call?.record(),
    pauseRecording: () => call?.pauseRecording(),
    layout: (preset) => call?.layouts.choose(preset),
    hand: (on) => call?.raiseHand(on),
    ready: (on) => call?.talk.setReady(on),
    undo: () => call?.layouts.undo(),
    cancel: (id) => call?.layouts.cancel(id),
    leave: () => leave(),
    invite,
  },
  { canShare: media.canShare },
);
const roster = new Roster({
  pin: (id) => call?.layouts.pin(id),
  mute: (id, audio) => call?.moderation.mute(id, { audio }),
  lowerHand: (id) => call?.moderation.lowerHand(id),
  more: (id) => call && person.open(id, call.room),
  clearReady: () => call?.moderation.clearReady(),
});
const person = new PersonDialog({
  write: writeTo,
  pin: (id) => call?.layouts.pin(id),
  mute: (id, what) => call?.moderation.mute(id, what),
  lowerHand: (id) => call?.moderation.lowerHand(id),
  setRole: (id, role) => call?.moderation.setRole(id, role),
  moveTo: (id, group) => call?.moderation.moveTo(id, group),
  showView: (id, name) => call?.moderation.showView(id, name),
  kick: (id, banS) => call?.moderation.kick(id, banS),
});
const chat = new Chat({
  say: (text, to) => call?.talk.say(text, to),
  edit: (id, text) => call?.talk.edit(id, text),
  delete: (id) => call?.talk.delete(id),
});
const reactions = new Reactions(async (reaction) => {
  if (await call?.talk.react(reaction)) reactions.show(reaction, "You");
});
const lobbyList = new LobbyList({
  admit: (id, admit) => call?.moderation.admit(id, admit),
  lock: (locked) => call?.moderation.lock(locked),
  useLobby: (used) => call?.moderation.useLobby(used),
});
const door = new DoorDialog({
  setPassword: (password) => call?.moderation.setPassword(password),
  bans: () => call?.moderation.bans(),
  liftBan: (identity) => call?.moderation.liftBan(identity),
});
const waiting = new WaitingScreen(() => leave());
const chooser = new ViewChooser((name) => call?.watch(name));
const quality = new Quality((choice) => call?.limitQuality(choice));
const roomDevices = new Devices(media, byId("room-cameras"), byId("room-microphones"));
let call = null;
const side = new Side(sideChanged);

function join({ room, name, password }) {
  if (call) return;
  rememberJoin({ room, name });
  lobby.hide();
  byId("room").hidden = false;
  byId("room-title").textContent = room;
  document.title = `${room} · mosaic`;
  const secrets = { ...(address.token && { token: address.token }), ...(password && { password }) };
  const current = new Call(socketAddress(window.location), { room, name, ...secrets }, media);
  call = current;
  current.addEventListener("state", ({ detail }) => showState(detail.state));
  current.addEventListener("stream", ({ detail }) => view.show(detail.stream));
  current.forwarded.addEventListener("change", () => showForwarded(current));
  current.addEventListener("notice", ({ detail }) => toast(detail.message));
  current.addEventListener("problem", ({ detail }) => toast(detail.message, { error: true }));
  current.addEventListener("ended", ({ detail }) => backToLobby(detail.message, detail.code));
  current.room.addEventListener("change", () => showRoom(current));
  current.conversation.addEventListener("change", () => showChat(current));
  current.conversation.addEventListener("heard", ({ detail }) => heard(detail.message));
  current.addEventListener("reaction", ({ detail }) => reactions.show(detail.reaction, detail.name));
  current.conversation.setReading(side.seen === "chat");
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

function backToLobby(notice, code = "") {
  call = null;
  waiting.hide();
  view.clear();
  personTiles.clear();
  roster.clear();
  chat.clear();
  reactions.clear();
  clearToasts();
  byId("settings-dialog").close();
  person.close();
  door.close();
  byId("room").hidden = true;
  document.title = "mosaic";
  lobby.show(notice);
  if (PASSWORD.has(code)) lobby.askPassword();
  else lobby.forgetPassword();
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
  byId("room").hidden = state === "waiting";
  if (state === "waiting") waiting.show(call.room.name || byId("room-title").textContent);
  else waiting.hide();
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
  person.show(current.room);
  lobbyList.show(current.room);
  door.show(current.room);
  chooser.show(current.room);
  quality.show(current.room);
  view.describe(current.room.tiles);
  showForwarded(current);
  showMedia();
  chat.showPeople(current.conversation, current.room);
}

function showForwarded(current) {
  if (current !== call) return;
  view.setForwarded(current.room.forwards);
  if (current.room.forwards) personTiles.show(current.room, current.forwarded, media.state.video ? media.video : null);
}

function showChat(current) {
  if (current !== call) return;
  chat.show(current.conversation, current.room);
  const { unread } = current.conversation;
  for (const badge of document.querySelectorAll("[data-unread]")) {
    badge.textContent = unread > 99 ? "99+" : String(unread);
    badge.hidden = unread === 0;
  }
  byId("chat").setAttribute("aria-label", unread ? `Chat: ${unread} unread` : "Chat");
}

/** What is in sight is read aloud by the log itself. */
function heard({ name, text, to }) {
  if (side.seen === "chat") return;
  const words = `${name}${to ? ", privately" : ""}: ${text}`;
  announce(words);
  if (to) toast(`${name} wrote to you privately.`);
}

function writeTo(id) {
  side.open("chat");
  chat.addressTo(id);
}

function sideChanged(seen) {
  call?.conversation.setReading(seen === "chat");
  if (seen === "chat") chat.scrollToEnd();
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
media.addEventListener("change", () => call && showForwarded(call));
media.addEventListener("problem", ({ detail }) => {
  if (!lobby.visible) toast(detail.message, { error: true });
});
for (const change of ["online", "offline"]) window.addEventListener(change, () => call && showState(call.state));
window.addEventListener("pagehide", () => call?.leave());
wireSettings();

if (address.autojoin) {
  await lobby.openMedia(address);
  join({ room: address.room, name: address.name || "Guest" });
} else {
  lobby.show();
  await lobby.openMedia(address);
}
