// Makes what works without it quicker: chips for added users, a word before unsaved changes are left.
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
