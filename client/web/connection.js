/**
 * One peer connection to the server, replaced by a fresh one whenever it fails.
 *
 * The browser always offers. Both m-lines exist from the first offer, with or without a track, so a camera that comes
 * later is a replaceTrack and never a new negotiation. (W3C WebRTC 1.0; the wire's `offer` and `candidate`.)
 *
 * Events it fires (CustomEvent): stream {stream}, the received composite; or track {mid, track} for each; state {state}: connecting, connected,
 * retrying (once for every attempt), closed; failed {error}: the server refused a later attempt.
 */

import { SignalingError } from "./signaling.js";
import { encodingFor, heed } from "./uplink.js";

const CONNECT_TIMEOUT_MS = 12_000;
const DISCONNECTED_LIMIT_MS = 3_000;
const SILENT_SECONDS = 5; // connected, yet not one packet: a path that died without a word
const RETRY_STEP_MS = 300;
const RETRY_LIMIT_MS = 8_000;

/** An offer that asks not to be sent silence (RFC 7587, usedtx): browsers know what is meant, but don't ask. */
const withoutSilence = (sdp) => sdp.replaceAll("useinbandfec=1", "useinbandfec=1;usedtx=1");

/** What a server forwards, and what repairs it. */
const carried = ({ mimeType, sdpFmtpLine = "" }) =>
  ["video/vp8", "video/rtx"].includes(mimeType.toLowerCase()) ||
  (mimeType.toLowerCase() === "video/h264" && /packetization-mode=1.*profile-level-id=42e0/.test(sdpFmtpLine));

export class Connection extends EventTarget {
  #signaling;
  #name;
  #iceServers;
  #receives;
  #wish;
  #heeding = Promise.resolve();
  #tracks = { audio: null, video: null };
  #pc = null;
  #senders = {};
  #attempt = 0;
  #timers = {};
  #sections = 0;
  #packets = { count: -1, silentSeconds: 0 };
  #state = "closed";

  /**
   * `name` is the wire's connection name, "main" or "screen". A screen share sends video alone and receives nothing.
   * `wish` is the picture to send, as in uplink.js. `sections`: so many of each kind are offered beside the first, for
   * others' own streams; then tracks are told one by one.
   */
  constructor(signaling, { name = "main", iceServers = [], wish = null, sections = 0 } = {}) {
    super();
    this.#signaling = signaling;
    this.#name = name;
    this.#iceServers = iceServers;
    this.#receives = name === "main";
    this.#wish = wish;
    this.#sections = sections;
  }

  get state() {
    return this.#state;
  }

  /** Replaces what is sent; null sends nothing. Takes effect at once, and in every later connection. */
  async setTrack(kind, track) {
    this.#tracks[kind] = track;
    await this.#senders[kind]?.replaceTrack(track);
    if (kind === "video") this.#heed();
  }

  /** Sends a picture of another size and rate from now on, or none (null). */
  setWish(wish) {
    this.#wish = wish;
    this.#heed();
  }

  /** Opens the connection. Failures are retried until close(); only a refusal by the server rejects. */
  async open() {
    this.#setState("connecting");
    await this.#negotiate();
  }

  /** Starts over with a new connection, for instance after the server forgot the old one. */
  restart() {
    if (this.#state === "closed") return;
    this.#attempt = 0;
    this.#retry();
  }

  close() {
    this.#setState("closed");
    this.#dispose();
  }

  /** The RTCStatsReport's entries, or an empty list without a connection. */
  async stats() {
    return this.#pc ? [...(await this.#pc.getStats()).values()] : [];
  }

  async #negotiate() {
    this.#dispose();
    const pc = new RTCPeerConnection({ iceServers: this.#iceServers, bundlePolicy: "max-bundle" });
    this.#pc = pc;
    const candidates = this.#trickle(pc);
    this.#addTransceivers(pc);
    pc.onconnectionstatechange = () => this.#connectionChanged(pc);
    this.#timers.connect = setTimeout(() => this.#retry(), CONNECT_TIMEOUT_MS);
    try {
      await pc.setLocalDescription(await pc.createOffer());
      const sdp = withoutSilence(pc.localDescription.sdp);
      const answer = await this.#signaling.request("offer", { sdp, connection: this.#name });
      if (this.#pc !== pc) return;
      await pc.setRemoteDescription({ type: "answer", sdp: answer.sdp });
      candidates.flush();
      this.#heed();
    } catch (error) {
      if (this.#pc !== pc) return;
      if (error instanceof SignalingError && ["bad_sdp", "no_common_codec", "forbidden"].includes(error.code)) {
        this.close();
        throw error;
      }
      this.#retry();
    }
  }

  #addTransceivers(pc) {
    this.#senders = {};
    const stream = new MediaStream(Object.values(this.#tracks).filter(Boolean));
    const direction = this.#receives ? "sendrecv" : "sendonly";
    const video = { direction, streams: [stream], sendEncodings: [encodingFor(this.#wish, this.#tracks.video)] };
    if (this.#receives) {
      const audio = { direction, streams: [stream] };
      this.#senders.audio = pc.addTransceiver(this.#tracks.audio ?? "audio", audio).sender;
    }
    this.#senders.video = pc.addTransceiver(this.#tracks.video ?? "video", video).sender;
    if (!this.#receives) return;
    if (this.#sections) {
      this.#addSections(pc);
      return;
    }
    const received = new MediaStream();
    pc.ontrack = ({ track }) => {
      received.addTrack(track);
      if (received.getTracks().length === 2) this.#fire("stream", { stream: received });
    };
  }

  #addSections(pc) {
    const known = RTCRtpReceiver.getCapabilities?.("video")?.codecs ?? [];
    const codecs = known.filter(carried); // few, so that the offer of a large room stays small
    for (let n = 0; n < this.#sections; n += 1) {
      pc.addTransceiver("audio", { direction: "recvonly" });
      const video = pc.addTransceiver("video", { direction: "recvonly" });
      if (codecs.length) video.setCodecPreferences?.(codecs);
    }
    pc.ontrack = ({ track, transceiver }) => this.#fire("track", { mid: transceiver.mid, track });
  }

  #heed() {
    const sender = this.#senders.video;
    if (!sender || this.#pc?.signalingState !== "stable") return;
    this.#heeding = this.#heeding
      .then(() => sender === this.#senders.video && heed(sender, this.#wish))
      .catch(() => {
        // A connection that is being replaced; the next one begins with the wish.
      });
  }

  /** Candidates wait for the answer, so that the server always knows the connection they belong to. */
  #trickle(pc) {
    const waiting = [];
    let answered = false;
    const send = (candidate) =>
      this.#signaling.request("candidate", { candidate, connection: this.#name }).catch(() => {
        // A lost candidate is made up for by the others, or by the next connection.
      });
    pc.onicecandidate = ({ candidate }) => {
      const init = candidate?.candidate
        ? { candidate: candidate.candidate, sdpMid: candidate.sdpMid, sdpMLineIndex: candidate.sdpMLineIndex }
        : null;
      if (candidate && !init) return; // end of one generation; null, the end of all, follows
      if (answered) send(init);
      else waiting.push(init);
    };
    return {
      flush() {
        answered = true;
        waiting.splice(0).forEach(send);
      },
    };
  }

  #connectionChanged(pc) {
    if (pc !== this.#pc) return;
    clearTimeout(this.#timers.disconnected);
    if (pc.connectionState === "connected") {
      this.#attempt = 0;
      clearTimeout(this.#timers.connect);
      clearInterval(this.#timers.watch);
      this.#packets = { count: -1, silentSeconds: 0 };
      if (this.#receives) this.#timers.watch = setInterval(() => this.#watch(pc), 1_000);
      this.#setState("connected");
    } else if (pc.connectionState === "disconnected") {
      this.#timers.disconnected = setTimeout(() => this.#retry(), DISCONNECTED_LIMIT_MS);
    } else if (pc.connectionState === "failed" || pc.connectionState === "closed") {
      this.#retry();
    }
  }

  async #watch(pc) {
    const report = await pc.getStats();
    if (pc !== this.#pc) return;
    let count = 0;
    for (const entry of report.values()) {
      if (entry.type === "inbound-rtp") count += entry.packetsReceived;
      // Who is alone in a room that forwards is sent no media, but reports, once a second.
      if (this.#sections && entry.type === "candidate-pair") count += entry.bytesReceived ?? 0;
    }
    this.#packets.silentSeconds = count === this.#packets.count ? this.#packets.silentSeconds + 1 : 0;
    this.#packets.count = count;
    if (this.#packets.silentSeconds >= SILENT_SECONDS) this.#retry();
  }

  #retry() {
    if (this.#state === "closed") return;
    this.#dispose();
    this.#setState("retrying");
    const waitMs = Math.min(RETRY_STEP_MS * this.#attempt ** 2, RETRY_LIMIT_MS);
    this.#attempt += 1;
    this.#timers.retry = setTimeout(() => {
      // Without a socket there is nobody to offer to; the page restarts us once it has joined again.
      if (this.#signaling.joined) this.#negotiate().catch((error) => this.#fire("failed", { error }));
    }, waitMs);
  }

  #dispose() {
    for (const timer of Object.values(this.#timers)) clearTimeout(timer); // clears intervals as well (HTML standard)
    this.#timers = {};
    const pc = this.#pc;
    this.#pc = null;
    this.#senders = {};
    if (!pc) return;
    pc.ontrack = pc.onicecandidate = pc.onconnectionstatechange = null;
    pc.close();
  }

  #setState(state) {
    if (this.#state === state && state !== "retrying") return;
    this.#state = state;
    this.#fire("state", { state });
  }

  #fire(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
