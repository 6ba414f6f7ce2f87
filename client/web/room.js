/**
 * What this page knows of the room: the join reply, kept up to date by events. No DOM, no network.
 *
 * Fires `change` after every event that changed something, and `news` {text} for what a screen reader should hear.
 */

/** The one news whose cause the recording itself has to tell. */
export const RECORDING_STOPPED = "Recording stopped";

export class Room extends EventTarget {
  me = null;
  name = "";
  participants = new Map();
  tiles = [];
  speaking = new Map();
  dominant = null;
  recording = null;
  knowsHands = true; // until the server says it knows nothing of raised hands
  views = [];
  quality = null; // {tier, reason, choice}, where the server has tiers
  #layouts = new Map(); // of each view that was heard of

  /** Takes the reply of a join over, whole. */
  enter(reply) {
    this.me = reply.participant.id;
    this.name = reply.room.name;
    this.participants = new Map((reply.participants ?? []).map((p) => [p.id, p]));
    this.participants.set(this.me, reply.participant);
    this.views = reply.room.views ?? [];
    this.quality = reply.quality ?? null;
    this.#layouts.clear();
    this.tiles = reply.tiles?.tiles ?? [];
    this.speaking.clear();
    this.dominant = null;
    if (!reply.room.recording) this.recording = null;
    else if (!this.isRecording) this.recording = { state: "active", started_at: null };
    this.#changed();
  }

  get myself() {
    return this.participants.get(this.me) ?? null;
  }

  /** The name of the view this page watches. */
  get view() {
    return this.myself?.view ?? "main";
  }

  /** The layout of the watched view; a guess until it is known. */
  get layout() {
    return this.#layouts.get(this.view) ?? { preset: "grid" };
  }

  /** Was this view's layout heard of? */
  knows(view) {
    return this.#layouts.has(view);
  }

  get isModerator() {
    return (this.myself?.role ?? "participant") !== "participant";
  }

  get isRecording() {
    return this.recording?.state === "starting" || this.recording?.state === "active";
  }

  get isSharing() {
    return [...this.participants.values()].some((p) => p.media?.screen);
  }

  /** Takes one event over. Unknown types are none of our business. */
  apply({ type, data }) {
    const take = {
      participant_joined: () => this.#joined(data.participant ?? data),
      participant_updated: () => this.#updated(data.participant ?? data),
      participant_left: () => this.#left(data.id ?? data.participant),
      tiles: () => this.#tilesChanged(data),
      quality: () => (this.quality = data),
      speakers: () => this.#speakers(data),
      layout_plugin_ejected: () => this.#pluginEjected(data),
      layout_changed: () => this.takeLayout(data.state.layout, data.view),
      recording: () => this.#recordingChanged(data.recording ?? data),
      room_updated: () => this.#roomUpdated(data.room ?? data),
    }[type];
    if (!take) return;
    take();
    this.#changed();
  }

  takeLayout(layout, view) {
    this.#layouts.set(view, layout);
    this.#changed();
  }

  /** Everybody hears of every view's tiles. */
  #tilesChanged({ view, tiles }) {
    if (view === undefined || view === this.view) this.tiles = tiles ?? [];
  }

  #pluginEjected({ view, name }) {
    if (view === this.view) this.#news(`The layout plug-in ${name} failed. Everybody is shown in a grid instead.`);
  }

  #roomUpdated({ name, views }) {
    this.name = name ?? this.name;
    this.views = views ?? this.views;
    for (const known of this.#layouts.keys()) {
      if (!this.views.some((view) => view.name === known)) this.#layouts.delete(known);
    }
  }

  /** The server knows nothing of raised hands: nothing is to be seen of them. */
  forgetHands() {
    this.knowsHands = false;
    this.#changed();
  }

  #joined(participant) {
    const known = this.participants.has(participant.id);
    this.participants.set(participant.id, participant);
    if (!known) this.#news(`${participant.name} joined`);
  }

  #updated(participant) {
    const before = this.participants.get(participant.id);
    const after = { ...before, ...participant };
    this.participants.set(participant.id, after);
    if (after.hand && !before?.hand && after.id !== this.me) this.#news(`${after.name} raised a hand`);
  }

  #left(id) {
    const name = this.participants.get(id)?.name;
    this.participants.delete(id);
    this.speaking.delete(id);
    if (name && id !== this.me) this.#news(`${name} left`);
  }

  #speakers({ active, dominant }) {
    this.speaking = new Map((active ?? []).map(({ id, level }) => [id, level]));
    this.dominant = dominant ?? null;
  }

  #recordingChanged(recording) {
    const was = this.isRecording;
    this.recording = recording;
    if (this.isRecording !== was) this.#news(this.isRecording ? "Recording started" : RECORDING_STOPPED);
  }

  #news(text) {
    this.dispatchEvent(new CustomEvent("news", { detail: { text } }));
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
