// Makes what works without it quicker: chips for added users, a word before unsaved changes are left, runs followed live.
"use strict";

// A user chosen in an "Add a user" box becomes a ticked box at once.
function addUser(input) {
  const value = input.value.trim();
  if (!value) return false;
  const number = input.name.slice("add.".length);
  const boxes = input.closest(".boxes");
  const option = [...input.list.options].find((one) => one.value === value || one.label === value);
  if (!option) return false;
  let box = [...boxes.querySelectorAll(`input[name="user.${number}"]`)].find((one) => one.value === option.value);
  if (!box) {
    const chip = document.createElement("label");
    chip.className = "chip changed";
    box = document.createElement("input");
    box.type = "checkbox";
    box.name = `user.${number}`;
    box.value = option.value;
    const text = document.createElement("span");
    text.append(`${option.label || option.value} `);
    if (option.label && option.label !== option.value) {
      const name = document.createElement("span");
      name.className = "quiet";
      name.textContent = option.value;
      text.append(name);
    }
    chip.append(box, text);
    boxes.insertBefore(chip, input);
  }
  box.checked = true;
  input.value = "";
  box.dispatchEvent(new Event("change", { bubbles: true }));
  return true;
}

document.addEventListener("change", (event) => {
  if (event.target.matches("input.add")) addUser(event.target);
  if (event.target.matches(".chip input")) event.target.closest(".chip").classList.add("changed");
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.matches("input.add")) {
    event.preventDefault();
    addUser(event.target);
  }
});

// Unsaved changes are not left without a word.
for (const form of document.querySelectorAll("form[data-guard]")) {
  let touched = false;
  form.addEventListener("input", () => { touched = true; });
  form.addEventListener("submit", () => { touched = false; });
  window.addEventListener("beforeunload", (event) => { if (touched) event.preventDefault(); });
}

// A run under way, followed live. Without this the page says what was known when it was loaded.
function follow(live) {
  const bars = live.querySelector(".bars");
  const notes = live.querySelector("[data-notes]");
  const said = live.querySelector("[data-said]");
  let stage = "";
  let source = null;
  let again = 0;

  function bar(told) {
    let line = [...bars.children].find((one) => one.dataset.key === told.key);
    if (!line) {
      line = document.createElement("li");
      line.dataset.key = told.key;
      const label = document.createElement("span");
      label.textContent = told.label;
      const text = document.createElement("span");
      text.className = "quiet";
      const progress = document.createElement("progress");
      progress.setAttribute("aria-label", told.label);
      line.append(label, text, progress);
    }
    line.children[1].textContent = told.text;
    if (told.most) {
      line.children[2].max = told.most;
      line.children[2].value = told.value;
    }
    return line;
  }

  function connect() {
    source = new EventSource(live.dataset.events);
    source.addEventListener("progress", (event) => {
      const told = JSON.parse(event.data);
      bars.replaceChildren(...told.bars.map(bar));
      const quiet = live.querySelector("[data-quiet]");
      if (quiet && told.bars.length) quiet.remove();
      notes.replaceChildren(...told.notes.map((text) => {
        const note = document.createElement("li");
        note.textContent = text;
        return note;
      }));
      // Said aloud when a stage begins, not with each step of it.
      if (told.stage !== stage) {
        stage = told.stage;
        said.textContent = stage;
      }
    });
    source.addEventListener("ended", (event) => {
      source.close();
      said.textContent = `Ended: ${JSON.parse(event.data).outcome}`;
      window.location.reload();
    });
    source.addEventListener("signed-out", () => {
      source.close();
      window.location.reload();
    });
    source.onerror = () => {
      // The browser connects again by itself unless it was refused: then later, and never in haste.
      if (source.readyState === EventSource.CLOSED) {
        window.clearTimeout(again);
        again = window.setTimeout(connect, 15000);
      }
    };
  }

  connect();
  window.addEventListener("pagehide", () => { if (source) source.close(); });
  window.addEventListener("pageshow", (event) => { if (event.persisted) connect(); });
}
document.querySelectorAll("[data-events]").forEach(follow);
