/**
 * One stay in a room, from Join to Leave: the signaling socket, the peer connections, and what they tell us.
 *
 * Events it fires (CustomEvent): state {state}: joining, waiting, live, reconnecting, left; stream {stream};
 * problem {message}; notice {message}: nothing is wrong; reaction {reaction, name}; ended {message, code}: the server ended it, and joining again
 * is up to the user.
 */

import { Connection } from "./connection.js";
import { Conversation } from "./conversation.js";
import { Forwarded } from "./forwarded.js";
import { Layouts } from "./layouts.js";
import { Moderation } from "./moderation.js";
import { wordsFor } from "./refusals.js";
import { Rest } from "./rest.js";
import { Room } from "./room.js";
import { Signaling } from "./signaling.js";
import { Talk } from "./talk.js";

// What is sent until the server says what it needs.
const FIRST_WISHES = {
  video: { width: 640, height: 360, fps: 30, kbps: 600 },
  screen: { width: 1280, height: 720, fps: 15, kbps: 1_500 },
};

// After so many attempts without success it is time to tell the user that something is in the way.
const PATIENCE = 3;

export class Call extends EventTarget {
  room = new Room();
  state = "joining";
  conversation = new Conversation(this.room);
  forwarded = new Forwarded();
  layouts;
  moderation;
  talk;
  #signaling;
  #media;
  #rest;
  #main = null;
  #screen = null;
  #screenTrack = null;
  #iceServers = [];
  #wishes = { ...FIRST_WISHES };
  #told = "";
  #failures = 0;

  /** `url` of the socket; `join` is {room, name, token?}; `media` is the Media to send. */
  constructor(url, join, media) {
    super();
    this.#media = media;
    this.#rest = new Rest(this.room, join.token);
    const asking = {
      rest: this.#rest,
      ask: (type, data) => this.#ask(type, data),
      tell: (message) => this.#fire("notice", { message }),
      problem: (error) => this.#problem(error),
    };
    this.layouts = new Layouts(this.room, asking);
    this.moderation = new Moderation(asking);
    this.talk = new Talk(asking.ask, this.conversation);
    this.room.addEventListener("change", () => this.layouts.learn());
    this.#signaling = new Signaling(url, join);
    this.#signaling.addEventListener("joined", ({ detail }) => this.#joined(detail.reply, detail.again));
    this.#signaling.addEventListener("waiting", () => this.#setState("waiting"));
    this.#signaling.addEventListener("down", ({ detail }) => this.#socketLost(detail.attempt));
    this.#signaling.addEventListener("refused", ({ detail }) => this.#end(wordsFor(detail), detail.code));
    this.#signaling.addEventListener("event", ({ detail }) => this.#heard(detail));
  }

  get sharing() {
    return this.#screenTrack !== null;
  }

  /** Does the picture flow? It may while the socket is down. */
  get connected() {
    return this.#main?.state === "connected";
  }

  start() {
    this.#media.addEventListener("change", this.#mediaChanged);
    this.#signaling.open();
  }

  /** Leaves for good. Safe to call twice. */
  leave() {
    if (this.state === "left") return;
    this.#media.removeEventListener("change", this.#mediaChanged);
    this.#stopScreen();
    this.#main?.close();
    this.#signaling.close();
    this.#setState("left");
  }

  async share() {
    const track = await this.#media.chooseScreen();
    if (!track || this.state === "left") return track?.stop();
    this.#stopScreen();
    this.#screenTrack = track;
    this.#wishes.screen = FIRST_WISHES.screen;
    track.onended = () => this.stopSharing();
    await this.#openScreen();
    this.#tellMedia();
  }

  stopSharing() {
    this.#stopScreen();
    this.#tellMedia();
  }

  /** Watches another of the room's views, from now on. */
  async watch(name) {
    const reply = await this.#ask("view", { name });
    if (reply?.participant) this.room.apply({ type: "participant_updated", data: reply });
  }

  /** At most this tier of the picture from now on: auto, high, medium, low or audio. */
  async limitQuality(choice) {
    const reply = await this.#ask("view", { tier: choice });
    if (reply?.quality) this.room.apply({ type: "quality", data: reply.quality });
  }

  async raiseHand(raised) {
    try {
      await this.#signaling.request("hand", { raised });
    } catch (error) {
      if (error.code === "unknown_type") this.room.forgetHands();
      if (error.code !== "disconnected") this.#problem(error);
    }
  }

  /** Records the view this page watches, or ends that. */
  record() {
    return this.#ask("record", { action: this.room.isRecording ? "stop" : "start", view: this.room.view });
  }

  /** Pauses the recording of the watched view, or goes on with it. */
  pauseRecording() {
    return this.#ask("record", { action: this.room.isRecordingPaused ? "resume" : "pause", view: this.room.view });
  }

  stats() {
    return this.#main?.stats() ?? Promise.resolve([]);
  }

  async #joined(reply, again) {
    const sameAsBefore = again && reply.resumed !== false && reply.participant.id === this.room.me;
    if (again && !sameAsBefore) this.#fire("notice", { message: "You were away for too long, so you joined anew." });
    this.#iceServers = reply.ice_servers ?? [];
    this.layouts.forget();
    if (this.state === "waiting") this.#setState("joining");
    this.room.enter(reply);
    if (reply.uplink) this.#heed(reply.uplink);
    this.#told = "";
    this.#tellMedia();
    if (sameAsBefore && this.#main?.state === "connected") this.#setState("live");
    else await this.#openMain();
    if (this.#screenTrack && !(sameAsBefore && this.#screen?.state === "connected")) await this.#openScreen();
  }

  async #openMain() {
    this.#main?.close();
    if (this.room.forwards) this.forwarded.expect(this.room.participants.size - 1);
    this.forwarded.reset();
    const { sections } = this.forwarded;
    const options = { iceServers: this.#iceServers, wish: this.#wishes.video, sections };
    const main = new Connection(this.#signaling, options);
    this.#main = main;
    main.addEventListener("track", ({ detail }) => this.forwarded.arrived(detail));
    main.addEventListener("stream", ({ detail }) => this.#fire("stream", detail));
    main.addEventListener("state", () => this.#connectionChanged(main));
    await main.setTrack("audio", this.#media.audio);
    await main.setTrack("video", this.#media.video);
    await this.#openOrReport(main);
  }

  async #openScreen() {
    this.#screen?.close();
    const options = { name: "screen", iceServers: this.#iceServers, wish: this.#wishes.screen };
    this.#screen = new Connection(this.#signaling, options);
    await this.#screen.setTrack("video", this.#screenTrack);
    await this.#openOrReport(this.#screen);
  }

  async #openOrReport(connection) {
    connection.addEventListener("failed", ({ detail }) => this.#problem(detail.error));
    try {
      await connection.open();
    } catch (error) {
      if (connection === this.#screen) this.stopSharing();
      this.#problem(error);
    }
  }

  #socketLost(attempt) {
    if (this.state !== "waiting") this.#setState(this.#main ? "reconnecting" : "joining");
    if (attempt !== PATIENCE) return;
    this.#problem({ message: "The server does not answer. Check your network; the page goes on trying." });
  }

  #connectionChanged(main) {
    if (main !== this.#main || this.state === "left") return;
    if (main.state === "connected") this.#failures = 0;
    if (main.state === "connected" && this.#signaling.joined) this.#setState("live");
    if (main.state !== "retrying") return;
    this.#setState("reconnecting");
    this.#signaling.check(); // whatever took the path away may have taken the socket's as well
    this.#failures += 1;
    if (this.#failures !== PATIENCE) return;
    this.#problem({ message: "Sound and picture don't get through. A firewall may block UDP: try another network." });
  }

  #heard(event) {
    const { type, data } = event;
    if (type === "kicked") {
      this.#end(data.reason === "replaced" ? "You joined from another window." : `You were removed: ${data.reason}`);
    } else if (type === "room_closed") {
      this.#end("The room was closed.");
    } else if (type === "error") {
      if (data.code === "connection_failed") (data.connection === "screen" ? this.#screen : this.#main)?.restart();
      else this.#problem(data);
    } else if (type === "streams") {
      if (this.forwarded.told(data.streams)) this.#openMain();
    } else if (type === "uplink") {
      this.#heed(data);
    } else if (type === "reaction") {
      this.#fire("reaction", { ...data, name: this.room.participants.get(data.sender)?.name ?? "" });
    } else if (!this.conversation.apply(event)) {
      this.room.apply(event);
    }
  }

  /** The server says what it needs of each picture; null: nobody sees it. */
  #heed({ video, screen }) {
    this.#wishes = { video, screen };
    this.#main?.setWish(video);
    this.#screen?.setWish(screen);
  }

  #mediaChanged = () => {
    // A track that arrives while its connection is being replaced is picked up by the next one.
    this.#main?.setTrack("audio", this.#media.audio).catch(() => {});
    this.#main?.setTrack("video", this.#media.video).catch(() => {});
    this.#tellMedia();
  };

  #tellMedia() {
    if (!this.#signaling.joined) return;
    const state = { ...this.#media.state, screen: this.sharing };
    const told = JSON.stringify(state);
    if (told === this.#told) return;
    this.#told = told;
    this.#ask("media_state", state);
  }

  #stopScreen() {
    this.#screen?.close();
    this.#screen = null;
    if (!this.#screenTrack) return;
    this.#screenTrack.onended = null;
    this.#screenTrack.stop();
    this.#screenTrack = null;
  }

  /** Sends a request; a failure becomes a problem for the user to read. Resolves with the data, or null. */
  async #ask(type, data) {
    try {
      return await this.#signaling.request(type, data);
    } catch (error) {
      if (error.code !== "disconnected") this.#problem(error);
      return null;
    }
  }

  #problem(error) {
    this.#fire("problem", { message: wordsFor(error) });
  }

  #end(message, code = "") {
    if (this.state === "left") return;
    this.leave();
    this.#fire("ended", { message, code });
  }

  #setState(state) {
    if (this.state === state || this.state === "left") return;
    this.state = state;
    this.#fire("state", { state });
  }

  #fire(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
