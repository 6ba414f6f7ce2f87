/**
 * What this page knows of the room: the join reply, kept up to date by events. No DOM, no network.
 *
 * Fires `change` after every event that changed something, and `news` {text} for what a screen reader should hear.
 */

export class Room extends EventTarget {
  me = null;
  name = "";
  participants = new Map();
  tiles = [];
  speaking = new Map();
  dominant = null;
  recording = null;
  layout = { preset: "grid" };

  /** Takes the reply of a join over, whole. */
  enter(reply) {
    this.me = reply.participant.id;
    this.name = reply.room.name;
    this.participants = new Map((reply.participants ?? []).map((p) => [p.id, p]));
    this.participants.set(this.me, reply.participant);
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
      tiles: () => (this.tiles = Array.isArray(data.tiles) ? data.tiles : (data.tiles?.tiles ?? [])),
      speakers: () => this.#speakers(data),
      layout_changed: () => this.takeLayout(data.state ?? data),
      recording: () => this.#recordingChanged(data.recording ?? data),
      room_updated: () => (this.name = (data.room ?? data).name ?? this.name),
    }[type];
    if (!take) return;
    take();
    this.#changed();
  }

  /** `state` is the wire's LayoutState, or a bare layout. */
  takeLayout(state) {
    this.layout = state.layout ?? state;
    this.#changed();
  }

  #joined(participant) {
    const known = this.participants.has(participant.id);
    this.participants.set(participant.id, participant);
    if (!known) this.#news(`${participant.name} joined`);
  }

  #updated(participant) {
    this.participants.set(participant.id, { ...this.participants.get(participant.id), ...participant });
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
    if (this.isRecording !== was) this.#news(this.isRecording ? "Recording started" : "Recording stopped");
  }

  #news(text) {
    this.dispatchEvent(new CustomEvent("news", { detail: { text } }));
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
