/**
 * The signaling socket: requests with replies, events, and a connection that comes back by itself.
 *
 * Events it fires (CustomEvent, `detail` in brackets):
 *   joined  {reply, again}    the room let us in; `again` after a lost socket
 *   waiting {waiting}         the room has a lobby: a moderator decides; then joined or refused
 *   down    {attempt}         the socket is gone; it is being opened again
 *   refused {code, message}   joining again is pointless until the user changes something
 *   event   {type, data}      news from the room
 */

const REQUEST_TIMEOUT_MS = 10_000;
const PING_INTERVAL_MS = 10_000;
const PING_TIMEOUT_MS = 5_000;
const RETRY_STEP_MS = 300; // attempt n waits 300·n² ms: 0, 300, 1200, 2700 …
const RETRY_LIMIT_MS = 10_000;
const MAX_PENDING = 64;
const LOST = new Set(["timeout", "disconnected"]);
const BUSY = new Set(["no_capacity", "internal", "too_many_requests"]); // worth waiting for once we were in

/** What the server (or the lack of one) answered to a request. `code` is one of the wire's stable codes. */
export class SignalingError extends Error {
  constructor(code, message) {
    super(message);
    this.name = "SignalingError";
    this.code = code;
  }
}

export class Signaling extends EventTarget {
  #url;
  #join;
  #socket = null;
  #pending = new Map();
  #nextId = 1;
  #attempt = 0;
  #retryTimer = 0;
  #pingTimer = 0;
  #joined = false;
  #everJoined = false;
  #resumeToken = null;
  #admission = null;
  #closed = false;

  /** `join` is the data of the join request: {room, name, token?}. */
  constructor(url, join) {
    super();
    this.#url = url;
    this.#join = join;
  }

  get joined() {
    return this.#joined;
  }

  open() {
    window.addEventListener("online", this.#onOnline);
    navigator.connection?.addEventListener("change", this.#onNetwork);
    this.#connect();
  }

  /** Sends a request; resolves with the reply's data, rejects with SignalingError. */
  request(type, data = {}, timeoutMs = REQUEST_TIMEOUT_MS) {
    if (this.#socket?.readyState !== WebSocket.OPEN || this.#pending.size >= MAX_PENDING) {
      return Promise.reject(new SignalingError("disconnected", "There is no connection to the server right now."));
    }
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(new SignalingError("timeout", "The server did not answer in time. Please try again."));
      }, timeoutMs);
      this.#pending.set(id, { resolve, reject, timer });
      this.#socket.send(JSON.stringify({ id, type, data }));
    });
  }

  /** The network may have changed: finds out now, not with the next ping, whether the socket still leads anywhere. */
  check() {
    if (this.#joined) this.#ping();
  }

  /** Says goodbye and closes for good. Safe to call twice. */
  close() {
    if (this.#closed) return;
    if (this.#joined) this.request("leave").catch(() => {});
    this.#finish();
  }

  #finish() {
    this.#closed = true;
    this.#joined = false;
    window.removeEventListener("online", this.#onOnline);
    navigator.connection?.removeEventListener("change", this.#onNetwork);
    clearTimeout(this.#retryTimer);
    this.#drop(this.#socket);
  }

  #onNetwork = () => this.check();

  #onOnline = () => {
    if (this.#joined) this.check();
    else this.#retryNow();
  };

  #retryNow() {
    clearTimeout(this.#retryTimer);
    this.#attempt = 0;
    this.#drop(this.#socket);
    this.#connect();
  }

  #connect() {
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    socket.onopen = () => this.#enter(socket);
    socket.onmessage = (message) => this.#receive(message.data);
    socket.onclose = (close) => this.#lost(socket, close);
  }

  async #enter(socket) {
    const resume = this.#resumeToken ? { resume: this.#resumeToken } : {};
    try {
      let reply = await this.request("join", { ...this.#join, ...resume });
      this.#keepPinging();
      if (reply.waiting) reply = await this.#admitted(reply.waiting);
      const again = this.#everJoined;
      this.#attempt = 0;
      this.#joined = true;
      this.#everJoined = true;
      this.#resumeToken = reply.resume_token ?? null;
      this.#fire("joined", { reply, again });
    } catch (error) {
      if (this.#closed || this.#socket !== socket) return;
      if (LOST.has(error.code) || (this.#everJoined && BUSY.has(error.code))) this.#lost(socket);
      else this.#refuse(error);
    }
  }

  /** Resolves with what `join` would have answered at once. */
  #admitted(waiting) {
    this.#fire("waiting", { waiting });
    return new Promise((resolve, reject) => {
      this.#admission = { resolve, reject };
    });
  }

  #decide({ type, data }) {
    const { resolve, reject } = this.#admission;
    this.#admission = null;
    if (type === "joined") resolve(data);
    else reject(new SignalingError(data?.code ?? "denied", data?.message ?? "You were not let in."));
  }

  #keepPinging() {
    clearInterval(this.#pingTimer);
    this.#pingTimer = setInterval(() => this.#ping(), PING_INTERVAL_MS);
  }

  #refuse(error) {
    this.#finish();
    this.#fire("refused", { code: error.code ?? "internal", message: error.message });
  }

  async #ping() {
    const socket = this.#socket;
    try {
      await this.request("ping", {}, PING_TIMEOUT_MS);
    } catch (error) {
      if (error.code === "timeout") this.#lost(socket);
    }
  }

  #receive(text) {
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      return;
    }
    if (this.#admission && (message.type === "joined" || message.type === "denied")) {
      this.#decide(message);
      return;
    }
    if (message.reply_to === undefined) {
      this.#fire("event", { type: message.type, data: message.data ?? {} });
      return;
    }
    const pending = this.#pending.get(message.reply_to);
    if (!pending) return;
    this.#pending.delete(message.reply_to);
    clearTimeout(pending.timer);
    if (message.ok) pending.resolve(message.data ?? {});
    else pending.reject(new SignalingError(message.error?.code ?? "internal", message.error?.message ?? "It failed."));
  }

  #lost(socket, close = null) {
    if (this.#closed || socket !== this.#socket) return;
    this.#drop(socket);
    if (close?.code === 1008) {
      this.#refuse(new SignalingError("forbidden", close.reason || "The server ended the connection."));
      return;
    }
    this.#joined = false;
    const waitMs = Math.min(RETRY_STEP_MS * this.#attempt ** 2, RETRY_LIMIT_MS) * (0.8 + 0.4 * Math.random());
    this.#attempt += 1;
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => this.#connect(), waitMs);
    this.#fire("down", { attempt: this.#attempt });
  }

  #drop(socket) {
    clearInterval(this.#pingTimer);
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer);
      reject(new SignalingError("disconnected", "The connection to the server was lost."));
    }
    this.#pending.clear();
    this.#admission?.reject(new SignalingError("disconnected", "The connection to the server was lost."));
    this.#admission = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
    this.#socket = null;
  }

  #fire(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
