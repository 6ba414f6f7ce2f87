/** A tile for everybody, in a room that forwards: their own picture and voice, or their initials. */

import { paint } from "./avatar.js";

export class PersonTiles {
  #box = document.getElementById("person-tiles");
  #tiles = new Map(); // by participant and source
  #muted = false;
  #onBlocked;

  /** `onBlocked()` is called when the browser wants a click before it plays sound; `unmute()` after it. */
  constructor(onBlocked) {
    this.#onBlocked = onBlocked;
  }

  /** `own` is one's own camera's track, or null. */
  show(room, forwarded, own) {
    const wanted = new Map();
    for (const person of room.participants.values()) {
      if (person.hidden) continue;
      const mine = person.id === room.me;
      const sharing = !mine && person.media?.screen;
      for (const source of sharing ? ["screen", "camera"] : ["camera"]) {
        const video = mine ? own : forwarded.track(person.id, source);
        const audio = mine || source === "screen" ? null : forwarded.track(person.id, "microphone");
        const on = source === "screen" || (person.media?.video && !person.server_muted_video);
        const note = mine ? "" : forwarded.reason(person.id, source);
        wanted.set(`${person.id} ${source}`, { person, source, mine, video: on ? video : null, audio, note });
      }
    }
    for (const [key, tile] of this.#tiles) if (!wanted.has(key)) this.#remove(key, tile);
    for (const [key, facts] of wanted) this.#update(this.#tiles.get(key) ?? this.#add(key), facts, room);
    const columns = Math.ceil(Math.sqrt(wanted.size));
    this.#box.style.setProperty("--columns", columns);
    this.#box.hidden = false;
  }

  clear() {
    for (const [key, tile] of this.#tiles) this.#remove(key, tile);
    this.#box.hidden = true;
  }

  unmute() {
    this.#muted = false;
    for (const { video, mine } of this.#tiles.values()) video.muted = mine;
  }

  #add(key) {
    const figure = document.createElement("figure");
    const video = document.createElement("video");
    const avatar = document.createElement("span");
    const name = document.createElement("figcaption");
    video.autoplay = true;
    video.playsInline = true;
    avatar.className = "avatar";
    avatar.setAttribute("aria-hidden", "true");
    figure.append(video, avatar, name);
    figure.dataset.tile = key;
    this.#box.append(figure);
    const tile = { figure, video, avatar, name, mine: false };
    this.#tiles.set(key, tile);
    return tile;
  }

  #update(tile, { person, source, mine, video, audio, note }, room) {
    const name = source === "screen" ? `The screen of ${person.name}` : mine ? `${person.name} (you)` : person.name;
    tile.mine = mine;
    tile.name.textContent = note ? `${name}: ${note}` : name;
    tile.figure.classList.toggle("speaking", source === "camera" && room.speaking.has(person.id));
    tile.figure.classList.toggle("mirrored", mine);
    tile.video.classList.toggle("off", video === null);
    tile.avatar.hidden = video !== null;
    paint(tile.avatar, person.name);
    const tracks = [video, audio].filter(Boolean);
    const shown = tile.video.srcObject?.getTracks() ?? [];
    if (tracks.length === shown.length && tracks.every((track) => shown.includes(track))) return;
    tile.video.srcObject = tracks.length ? new MediaStream(tracks) : null;
    tile.video.muted = mine || this.#muted;
    if (tracks.length) this.#play(tile.video);
  }

  async #play(video) {
    try {
      await video.play();
    } catch (error) {
      if (error.name !== "NotAllowedError") return; // newer tracks interrupted these
      this.#muted = true;
      video.muted = true;
      this.#onBlocked();
      await video.play().catch(() => {});
    }
  }

  #remove(key, { figure, video }) {
    video.srcObject = null;
    figure.remove();
    this.#tiles.delete(key);
  }
}
