/** The screen of somebody who waits until a moderator lets them in. */

const byId = (id) => document.getElementById(id);

export class WaitingScreen {
  /** `leave()` is called when they don't want to wait any more. */
  constructor(leave) {
    byId("stop-waiting").addEventListener("click", leave);
  }

  show(room) {
    byId("waiting-room").textContent = room;
    byId("waiting").hidden = false;
    byId("stop-waiting").focus({ focusVisible: false });
  }

  hide() {
    byId("waiting").hidden = true;
  }
}
