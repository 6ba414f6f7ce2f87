/** Which of the room's views this page watches. Nothing is to be seen of it in a room with one view. */

export class ViewChooser {
  #box = document.getElementById("view-chooser");
  #select = document.getElementById("views");
  #shown = "";
  #view = "";

  /** `watch(name)` resolves once the server has answered, whatever it said. */
  constructor(watch) {
    this.#select.addEventListener("change", async () => {
      await watch(this.#select.value);
      this.#select.value = this.#view;
    });
  }

  show(room) {
    this.#box.hidden = room.views.length < 2;
    this.#view = room.view;
    const shown = JSON.stringify(room.views);
    if (shown !== this.#shown) {
      this.#shown = shown;
      this.#select.replaceChildren(...room.views.map(option));
    }
    this.#select.value = room.view;
  }
}

function option({ name, width, height }) {
  const element = document.createElement("option");
  element.value = name;
  element.textContent = name;
  element.title = `${width}×${height}`;
  return element;
}
