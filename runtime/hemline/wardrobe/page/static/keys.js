// Everything can be done by keys. Single letters can be switched off, for those who speak to their computer.
import { el, id } from "/assets/dom.js";
import { redo, undo } from "/assets/toast.js";

const KEYS = [
  ["Everywhere", [["s", "scan what the camera sees, or choose a photo"], ["/", "search"], ["g", "garments"], ["r", "review"],
    ["Ctrl Z", "undo the last change"], ["Ctrl Y", "do it again"], ["?", "these keys"]]],
  ["A candidate", [["Enter", "keep it"], ["1 – 5", "it is that class"], ["c", "choose a class"], ["m", "it is the garment it looks like"],
    ["l", "keep it, decide later"], ["Esc", "skip it"]]],
  ["Garments", [["← ↑ ↓ →", "move"], ["Enter", "open"], ["[ ]", "page back, page on"]]],
  ["A garment", [["c", "correct its class"], ["w", "worn today"], ["n", "notes"], ["x", "remove"]]],
  ["Review", [["y", "the class is right"], ["1 – 5", "it is that class"], ["c", "choose a class"], ["l", "later"], ["x", "remove"]]],
];
const SETTING = "hemline-letters";
const letters = () => localStorage.getItem(SETTING) !== "off";

// the keys of the view that is shown, and of the dialog over it: key -> what to do
const layers = [];
export const layer = (keys) => {
  layers.push(keys);
  return () => layers.splice(layers.indexOf(keys), 1);
};

const typing = (target) => target instanceof Element && target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");

export const listen = (everywhere) => {
  layers.unshift({ ...everywhere, "?": show });
  id("keys").addEventListener("click", show);
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || event.altKey) return;
    const command = event.ctrlKey || event.metaKey;
    if (typing(event.target)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (command) {
      const key = event.key.toLowerCase();
      if (key === "z" || key === "y") {
        event.preventDefault();
        (key === "y" || event.shiftKey ? redo : undo)();
      }
      return;
    }
    if (!letters() && event.key.length === 1) return;
    const modal = document.querySelector("dialog[open]");
    for (const keys of modal ? layers.slice(-1) : [...layers].reverse()) {
      const run = keys[event.key];
      if (run && run(event) !== false) {
        event.preventDefault();
        return;
      }
    }
  });
};

const show = () => {
  const open = document.querySelector("dialog[open]");
  if (open) return;
  const drop = layer({});
  const box = el("input", { type: "checkbox", checked: letters(), on: { change: () => localStorage.setItem(SETTING, box.checked ? "on" : "off") } });
  const made = el("dialog", { class: "keys", "aria-labelledby": "keys-title", on: { close: () => { drop(); made.remove(); } } },
    el("h2", { id: "keys-title" }, "Keys"),
    el("div", { class: "groups" }, KEYS.map(([title, rows]) => el("section", {}, el("h3", {}, title),
      el("dl", {}, rows.map(([key, what]) => el("div", {}, el("dt", {}, el("kbd", {}, key)), el("dd", {}, what))))))),
    el("label", { class: "check" }, box, "single letters and digits are keys"),
    el("form", { method: "dialog" }, el("button", { class: "primary" }, "Close")));
  document.body.append(made);
  made.showModal();
};
