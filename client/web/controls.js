/** The bar below the picture and the badges above it. Shows the state it is given; asks through `actions`. */

import { LayoutMenu } from "./layoutmenu.js";
import { Popup } from "./popup.js";
import { Toggle } from "./toggle.js";

const byId = (id) => document.getElementById(id);

export class Controls {
  #microphone;
  #camera;
  #share;
  #record;
  #recordPause;
  #hand;
  #ready;
  #layoutMenu;
  #clock = 0;

  /** `actions`: {microphone(on), camera(on), share(on), record(on), pauseRecording(on), hand(on), ready(on), layout(preset), undo(), cancel(id), leave(), invite()} */
  constructor(actions, { canShare }) {
    this.#microphone = new Toggle(
      byId("microphone"),
      { on: "Mute your microphone (M)", off: "Unmute your microphone (M)", short: { on: "Mute", off: "Unmute" } },
      actions.microphone,
    );
    this.#camera = new Toggle(
      byId("camera"),
      { on: "Switch your camera off (V)", off: "Switch your camera on (V)", short: { on: "Camera", off: "Camera" } },
      actions.camera,
    );
    this.#share = new Toggle(
      byId("share"),
      { on: "Stop sharing your screen", off: "Share your screen", short: { on: "Unshare", off: "Share" } },
      actions.share,
    );
    this.#record = new Toggle(
      byId("record"),
      { on: "Stop recording", off: "Record what you see here, and everybody's sound", short: { on: "Stop", off: "Record" } },
      actions.record,
    );
    this.#recordPause = new Toggle(
      byId("record-pause"),
      {
        on: "Go on recording",
        off: "Pause the recording: nothing of what follows is in it",
        short: { on: "Resume", off: "Pause" },
      },
      actions.pauseRecording,
    );
    this.#hand = new Toggle(
      byId("hand"),
      { on: "Lower your hand (H)", off: "Raise your hand (H)", short: { on: "Lower", off: "Hand" } },
      actions.hand,
    );
    this.#ready = new Toggle(
      byId("ready"),
      { on: "You are not ready after all (R)", off: "Say that you are ready (R)", short: { on: "Ready", off: "Ready" } },
      actions.ready,
    );
    byId("share").hidden = !canShare;
    byId("leave").addEventListener("click", actions.leave);
    byId("invite").addEventListener("click", actions.invite);
    this.#layoutMenu = new LayoutMenu(actions);
    const more = new Popup(byId("more"), byId("more-controls"));
    byId("more-controls").addEventListener("click", () => more.close());
    document.addEventListener("keydown", (event) => this.#shortcut(event));
  }

  showMedia({ audio, video }, sharing) {
    this.#microphone.show(audio);
    this.#camera.show(video);
    this.#share.show(sharing);
  }

  showRoom(room) {
    byId("room-title").textContent = room.name;
    this.#layoutMenu.show(room);
    const isRaised = Boolean(room.myself?.hand);
    this.#hand.show(isRaised);
    byId("hand").hidden = !room.knowsHands;
    const isReady = room.ready.has(room.me);
    this.#ready.show(isReady);
    byId("more").classList.toggle("is-on", isRaised || isReady);
    this.#showRecording(room);
  }

  /** `state` is the call's. Only what needs patience is shown. */
  showState(state) {
    const badge = byId("connection");
    const text = !navigator.onLine ? "You are offline" : state === "reconnecting" ? "Reconnecting…" : "";
    badge.hidden = !text;
    if (badge.textContent !== text) badge.textContent = text;
  }

  #showRecording(room) {
    this.#record.show(room.isRecording);
    this.#recordPause.show(room.isRecordingPaused);
    byId("record-pause").hidden = !room.isRecording;
    const recording = room.recording;
    const isPaused = recording?.state === "paused";
    byId("recording").hidden = !recording;
    byId("recording").classList.toggle("is-paused", isPaused);
    clearInterval(this.#clock);
    if (!recording) return;
    const what = recording.view === room.view ? "Recording" : `Recording ${recording.view}`;
    byId("recording-of").textContent = isPaused ? `${what} paused` : what;
    const tick = () => (byId("recording-time").textContent = minutes(performance.now() - recording.since_ms));
    tick();
    if (!isPaused) this.#clock = setInterval(tick, 1_000);
  }

  #shortcut(event) {
    if (byId("room").hidden || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.target.closest?.("input, select, textarea, dialog")) return;
    if (event.key === "m") this.#microphone.press();
    if (event.key === "v") this.#camera.press();
    if (event.key === "h" && !byId("hand").hidden) this.#hand.press();
    if (event.key === "r") this.#ready.press();
  }
}

function minutes(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
