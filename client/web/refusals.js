/** What is said to the user when the server refuses something, by the wire's stable codes. */

const REFUSALS = {
  password_required: "This room has a password.",
  wrong_password: "That is not the room's password. Try again.",
  lobby_full: "Too many people wait already. Try again in a few minutes.",
  unauthorised: "This room needs an invitation. Open the link you were sent, or ask for a new one.",
  forbidden: "This invitation does not allow that. Ask whoever invited you.",
  room_full: "The room is full. Try again when somebody has left.",
  no_such_room: "There is no such room. Check the name.",
  room_locked: "The room is locked. Ask somebody inside to open it.",
  no_capacity: "The server is full. Try again in a few minutes.",
  unknown_type: "This server is older than the page and can't do that.",
  too_many_requests: "That was too often. Wait a moment and try again.",
};

/** `error` is {code?, message}: one of the signaling's or of HTTP's. */
export function wordsFor({ code, message }) {
  return REFUSALS[code] ?? message;
}
