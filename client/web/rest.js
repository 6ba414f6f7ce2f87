/** What this page asks of a room over HTTP, with the token it joined with. */

export class RestError extends Error {
  /** `code` is the server's, "unreachable" where none answered; `status` is 0 then. */
  constructor(message, code, status = 0) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

export class Rest {
  #room;
  #token;

  constructor(room, token) {
    this.#room = room;
    this.#token = token;
  }

  /** The JSON at `path`, a list of names below the room's. Rejects with a RestError. */
  async get(path) {
    return (await this.#ask(path, {})).json();
  }

  /** Deletes what is at `path`, or changes it as `patch` says. Rejects with a RestError. */
  async delete(path) {
    await this.#ask(path, { method: "DELETE" });
  }

  async patch(path, patch) {
    await this.#ask(path, { method: "PATCH", body: JSON.stringify(patch), headers: { "Content-Type": "application/json" } });
  }

  async #ask(path, options) {
    const headers = { ...options.headers, ...(this.#token && { Authorization: `Bearer ${this.#token}` }) };
    const address = [this.#room.name, ...path].map(encodeURIComponent).join("/");
    let response;
    try {
      response = await fetch(`./api/v1/rooms/${address}`, { ...options, headers });
    } catch {
      throw new RestError("The server could not be reached. Nothing has changed.", "unreachable");
    }
    if (response.ok) return response;
    const { code, detail } = await response.json().catch(() => ({}));
    throw new RestError(detail ?? "The server refused that.", code ?? "internal", response.status);
  }
}
