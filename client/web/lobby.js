/** The screen before the room: who am I, where to, and how do I look? */

import { paint } from "./avatar.js";
import { Devices } from "./devices.js";
import { Level } from "./level.js";
import { Toggle } from "./toggle.js";

export class Lobby {
  #screen = document.getElementById("lobby");
  #form = document.getElementById("join-form");
  #roomInput = document.getElementById("room-name");
  #nameInput = document.getElementById("display-name");
  #passwordBox = document.getElementById("password-box");
  #passwordInput = document.getElementById("room-password");
  #preview = document.getElementById("preview");
  #problem = document.getElementById("media-problem");
  #notice = document.getElementById("lobby-notice");
  #level = new Level(document.getElementById("microphone-level"));
  #media;
  #devices;
  #microphone;
  #camera;
  #opening = false;

  /** `onJoin({room, name, password?})` is called with what the person typed. */
  constructor(media, { room, name }, onJoin) {
    this.#media = media;
    this.#roomInput.value = room;
    this.#nameInput.value = name;
    this.#devices = new Devices(media, document.getElementById("lobby-cameras"), document.getElementById("lobby-microphones"));
    this.#microphone = new Toggle(
      document.getElementById("lobby-microphone"),
      { on: "Mute the microphone", off: "Unmute the microphone" },
      (on) => media.setMicrophone(on),
    );
    this.#camera = new Toggle(
      document.getElementById("lobby-camera"),
      { on: "Switch the camera off", off: "Switch the camera on" },
      (on) => media.setCamera(on),
    );
    this.#nameInput.addEventListener("input", () => this.#update());
    this.#roomInput.addEventListener("input", () => this.forgetPassword()); // it was another room's
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      const [roomName, displayName] = [this.#roomInput.value.trim(), this.#nameInput.value.trim()];
      const password = this.#passwordBox.hidden ? "" : this.#passwordInput.value;
      if (roomName && displayName) onJoin({ room: roomName, name: displayName, ...(password && { password }) });
    });
    media.addEventListener("change", () => this.#update());
    media.addEventListener("problem", ({ detail }) => {
      this.#problem.textContent = `${detail.message} You can join without.`;
    });
  }

  get visible() {
    return !this.#screen.hidden;
  }

  /** `notice`: why we are here again, if there is something to say. */
  show(notice = "") {
    this.#screen.hidden = false;
    this.#notice.textContent = notice;
    this.#notice.hidden = !notice;
    this.#problem.textContent = "";
    this.#update();
    (this.#roomInput.value ? (this.#nameInput.value ? document.getElementById("join") : this.#nameInput) : this.#roomInput).focus();
  }

  /** The room has a password: asks for it, for the first time or again. */
  askPassword() {
    this.#passwordBox.hidden = false;
    this.#passwordInput.required = true;
    this.#passwordInput.value = "";
    this.#passwordInput.focus();
  }

  /** What was typed is remembered nowhere. */
  forgetPassword() {
    this.#passwordBox.hidden = true;
    this.#passwordInput.required = false;
    this.#passwordInput.value = "";
  }

  hide() {
    this.#screen.hidden = true;
    this.#level.stop();
    this.#preview.srcObject = null;
  }

  /** Asks for the devices and shows the preview; joining does not wait for it. */
  async openMedia({ camera, microphone }) {
    this.#opening = true;
    this.#update();
    this.#media.microphoneOn = microphone;
    if (camera) await this.#media.open();
    else {
      this.#media.cameraOn = false;
      await this.#media.setMicrophone(microphone);
    }
    this.#opening = false;
    await this.#devices.refresh();
    this.#update();
  }

  #update() {
    if (!this.visible) return;
    const { audio, video } = this.#media;
    this.#microphone.show(this.#media.state.audio);
    this.#camera.show(this.#media.state.video);
    this.#level.follow(this.#media.state.audio ? audio : null);
    if ((this.#preview.srcObject?.getTracks()[0] ?? null) !== video) {
      this.#preview.srcObject = video ? new MediaStream([video]) : null;
    }
    document.getElementById("preview-note").hidden = video !== null;
    document.getElementById("preview-text").textContent = this.#opening ? "Opening your camera…" : "Your camera is off";
    paint(document.getElementById("preview-initials"), this.#nameInput.value);
  }
}
