/** The bar below the picture and the badges above it. Shows the state it is given; asks through `actions`. */

import { Toggle } from "./toggle.js";

const byId = (id) => document.getElementById(id);

export class Controls {
  #microphone;
  #camera;
  #share;
  #record;
  #menu = byId("layout-menu");
  #layoutButton = byId("layout");
  #presets = [...document.querySelectorAll("#layout-menu [data-preset]")];
  #recordedFrom = 0;
  #clock = 0;

  /** `actions`: {microphone(on), camera(on), share(on), record(on), layout(preset), leave(), invite()} */
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
      { on: "Stop recording", off: "Record what everybody sees and hears", short: { on: "Stop", off: "Record" } },
      actions.record,
    );
    byId("share").hidden = !canShare;
    byId("leave").addEventListener("click", actions.leave);
    byId("invite").addEventListener("click", actions.invite);
    byId("people").addEventListener("click", () => this.#togglePeople());
    this.#wireMenu(actions.layout);
    document.addEventListener("keydown", (event) => this.#shortcut(event));
  }

  showMedia({ audio, video }, sharing) {
    this.#microphone.show(audio);
    this.#camera.show(video);
    this.#share.show(sharing);
  }

  showRoom(room) {
    byId("room-title").textContent = room.name;
    const { preset } = room.layout;
    byId("layout-icon").setAttribute("href", `#icon-${preset}`);
    for (const button of this.#presets) button.setAttribute("aria-checked", String(button.dataset.preset === preset));
    this.#showRecording(room);
  }

  /** `state` is the call's. Only what needs patience is shown. */
  showState(state) {
    const badge = byId("connection");
    badge.hidden = state !== "reconnecting";
    badge.textContent = state === "reconnecting" ? "Reconnecting…" : "";
  }

  #showRecording(room) {
    this.#record.show(room.isRecording);
    if (room.isRecording === (this.#clock !== 0)) return;
    byId("recording").hidden = !room.isRecording;
    clearInterval(this.#clock);
    this.#clock = 0;
    if (!room.isRecording) return;
    this.#recordedFrom = performance.now() - 1000 * (room.recording.duration_s ?? 0);
    const tick = () => (byId("recording-time").textContent = minutes(performance.now() - this.#recordedFrom));
    tick();
    this.#clock = setInterval(tick, 1_000);
  }

  #togglePeople() {
    const open = byId("room").classList.toggle("people-hidden");
    byId("people").setAttribute("aria-expanded", String(!open));
  }

  #wireMenu(choose) {
    const open = (isOpen) => {
      this.#menu.hidden = !isOpen;
      this.#layoutButton.setAttribute("aria-expanded", String(isOpen));
      if (isOpen) (this.#presets.find((b) => b.getAttribute("aria-checked") === "true") ?? this.#presets[0]).focus();
    };
    this.#layoutButton.addEventListener("click", () => open(this.#menu.hidden));
    document.addEventListener("click", ({ target }) => {
      if (!this.#menu.hidden && !target.closest(".menu-anchor")) open(false);
    });
    this.#menu.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
      const at = this.#presets.indexOf(document.activeElement);
      if (step) this.#presets.at((at + step) % this.#presets.length).focus();
      if (event.key === "Escape") {
        open(false);
        this.#layoutButton.focus();
      }
      if (step || event.key === "Escape") event.preventDefault();
    });
    for (const button of this.#presets) {
      button.addEventListener("click", () => {
        open(false);
        this.#layoutButton.focus();
        choose(button.dataset.preset);
      });
    }
  }

  #shortcut(event) {
    if (byId("room").hidden || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.target.closest?.("input, select, textarea, dialog")) return;
    if (event.key === "m") this.#microphone.press();
    if (event.key === "v") this.#camera.press();
  }
}

function minutes(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
