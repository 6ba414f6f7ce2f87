/**
 * What this page knows of the room: the join reply, kept up to date by events. No DOM, no network.
 *
 * Fires `change` after every event that changed something, and `news` {text, ended?} for what a screen reader should
 * hear; `ended` is the recording that has just ended, which has to tell how.
 */

export class Room extends EventTarget {
  me = null;
  name = "";
  forwards = false; // there is no composite: everybody's own streams come (forwarded.js)
  participants = new Map();
  tiles = [];
  speaking = new Map();
  dominant = null;
  recordings = new Map(); // those that run or are paused, by their view, with since_ms on the page's own clock
  knowsHands = true; // until the server says it knows nothing of raised hands
  views = [];
  locked = false; // nobody new comes in
  lobby = false; // who comes waits until a moderator lets them in
  waiting = []; // those who do, for moderators
  bansHeard = 0; // how often who is banned may have become another
  password = false; // it has one
  ready = new Set(); // the ids of those who are, for what comes next
  quality = null; // {tier, reason, choice}, where the server has tiers
  #layouts = new Map(); // of each view that was heard of
  #scheduled = new Map(); // the changes of layouts that wait for their time, by id, each with its view
  #settled = new Set(); // ids of those that wait no more: a late answer may still name them

  /** Takes the reply of a join over, whole. */
  enter(reply) {
    this.me = reply.participant.id;
    this.name = reply.room.name;
    this.forwards = reply.room.topology === "forward";
    this.participants = new Map((reply.participants ?? []).map((p) => [p.id, p]));
    this.participants.set(this.me, reply.participant);
    this.views = reply.room.views ?? [];
    this.quality = reply.quality ?? null;
    this.locked = reply.room.locked ?? false;
    this.lobby = reply.room.lobby ?? false;
    this.password = reply.room.password ?? false;
    this.waiting = []; // where somebody waits, or is ready, that is told next
    this.bansHeard += 1; // nothing was heard while the socket was down
    this.ready.clear();
    this.#layouts.clear();
    this.tiles = reply.tiles?.tiles ?? [];
    this.speaking.clear();
    this.dominant = null;
    this.#scheduled.clear();
    this.#settled.clear();
    this.#enterRecorded(
      reply.room.recorded_views ?? (reply.room.recording ? ["main"] : []),
      reply.room.paused_views ?? [],
    );
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

  /** Is the watched view being recorded, or its recording paused? */
  get isRecording() {
    return this.recordings.has(this.view);
  }

  get isRecordingPaused() {
    return this.recordings.get(this.view)?.state === "paused";
  }

  /** The recording to tell of: the watched view's, or else another one; null without any. */
  get recording() {
    return this.recordings.get(this.view) ?? this.recordings.values().next().value ?? null;
  }

  /** The changes of the watched view's layout that are to come, the next one first. */
  get scheduled() {
    const mine = [...this.#scheduled.values()].filter(({ view }) => view === this.view);
    return mine.map(({ change }) => change).sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
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
      layout_changed: () => this.#layoutChanged(data),
      layout_scheduled: () => this.#scheduled.set(data.change.id, data),
      layout_dropped: () => this.#settle(data.change.id),
      recording: () => this.#recordingChanged(data.recording ?? data),
      room_updated: () => this.#roomUpdated(data.room ?? data),
      lobby: () => this.#lobbyChanged(data.waiting),
      bans: () => (this.bansHeard += 1),
      ready: () => this.#readyChanged(data.ready),
    }[type];
    if (!take) return;
    take();
    this.#changed();
  }

  takeLayout(layout, view) {
    this.#layouts.set(view, layout);
    this.#changed();
  }

  /** What the server has on a view's schedule; what was heard of meanwhile stays. */
  takeScheduled(changes, view) {
    for (const change of changes) if (!this.#settled.has(change.id)) this.#scheduled.set(change.id, { view, change });
    this.#changed();
  }

  #layoutChanged({ view, state, scheduled }) {
    if (scheduled) this.#settle(scheduled);
    this.takeLayout(state.layout, view);
  }

  #settle(id) {
    this.#scheduled.delete(id);
    this.#settled.add(id);
  }

  /** Everybody hears of every view's tiles. */
  #tilesChanged({ view, tiles }) {
    if (view === undefined || view === this.view) this.tiles = tiles ?? [];
  }

  #pluginEjected({ view, name }) {
    if (view === this.view) this.#news(`The layout plug-in ${name} failed. Everybody is shown in a grid instead.`);
  }

  #lobbyChanged(waiting) {
    for (const { id, name } of waiting) {
      if (!this.waiting.some((one) => one.id === id)) this.#news(`${name} waits to be let in`);
    }
    this.waiting = waiting;
  }

  #readyChanged(ready) {
    this.ready = new Set(ready);
    if (ready.length > 1 && ready.length === this.participants.size) this.#news("Everybody is ready");
  }

  #roomUpdated({ name, views, locked, lobby, password }) {
    this.name = name ?? this.name;
    this.password = password ?? this.password;
    this.locked = locked ?? this.locked;
    this.lobby = lobby ?? this.lobby;
    this.views = views ?? this.views;
    for (const known of this.#layouts.keys()) {
      if (!this.views.some((view) => view.name === known)) this.#layouts.delete(known);
    }
    for (const [id, { view: of }] of this.#scheduled) {
      if (!this.views.some((view) => view.name === of)) this.#settle(id);
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
    if (!this.isModerator) this.waiting = [];
    if (after.hand && !before?.hand && after.id !== this.me) this.#news(`${after.name} raised a hand`);
  }

  #left(id) {
    const name = this.participants.get(id)?.name;
    this.participants.delete(id);
    this.speaking.delete(id);
    this.ready.delete(id);
    if (name && id !== this.me) this.#news(`${name} left`);
  }

  #speakers({ active, dominant }) {
    this.speaking = new Map((active ?? []).map(({ id, level }) => [id, level]));
    this.dominant = dominant ?? null;
  }

  /** Since when those recordings run that were there before this page is nothing a join tells. */
  #enterRecorded(views, paused) {
    for (const view of this.recordings.keys()) if (!views.includes(view)) this.recordings.delete(view);
    for (const view of views) {
      const state = paused.includes(view) ? "paused" : "active";
      if (phaseOf(this.recordings.get(view)) !== state) {
        this.recordings.set(view, { view, state, since_ms: performance.now() });
      }
    }
  }

  #recordingChanged(recording) {
    const { view = "main", duration_s = 0 } = recording;
    const before = phaseOf(this.recordings.get(view));
    const now = phaseOf(recording);
    if (now) this.recordings.set(view, { ...recording, view, since_ms: performance.now() - 1000 * duration_s });
    else this.recordings.delete(view);
    if (now === before) return;
    const what = this.views.length > 1 ? `Recording of the view ${view}` : "Recording";
    const happened = { active: before ? "goes on" : "started", paused: "paused" }[now] ?? "stopped";
    this.#news(`${what} ${happened}`, now ? null : recording);
  }

  #news(text, ended = null) {
    this.dispatchEvent(new CustomEvent("news", { detail: { text, ended } }));
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

/** Of a recording: active, paused, or null when it has ended or there is none. */
function phaseOf(recording) {
  return { starting: "active", active: "active", paused: "paused" }[recording?.state] ?? null;
}
