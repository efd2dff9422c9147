// Short words at the edge of the page, with the way back.
import { el, id, say } from "/assets/dom.js";
import { post, refresh, state } from "/assets/api.js";

const SHOWN_MS = 9000;

export const toast = (text, { action, failed = false } = {}) => {
  let timer = 0;
  const close = () => made.remove();
  const made = el("div", { class: failed ? "toast failed" : "toast" }, el("span", {}, text),
    action && el("button", { type: "button", class: "plain", on: { click: () => { close(); action.run(); } } },
      action.name, action.key && el("kbd", {}, action.key)),
    el("button", { type: "button", class: "plain close", "aria-label": "Close", on: { click: close } }, "×"));
  const wait = () => { timer = setTimeout(close, SHOWN_MS); };
  for (const kind of ["mouseenter", "focusin"]) made.addEventListener(kind, () => clearTimeout(timer));
  for (const kind of ["mouseleave", "focusout"]) made.addEventListener(kind, wait);
  id("toasts").replaceChildren(made);
  wait();
};

// A full disk is said until something could be saved again: what is classified meanwhile is not lost silently.
const banner = el("p", { class: "banner sticky", role: "alert", hidden: true });
export const fullDisk = (line) => {
  if (!banner.isConnected) document.querySelector(".head").after(banner);
  banner.hidden = !line;
  banner.textContent = line ? `${line}. Classification goes on.` : "";
};

export const refused = (error) => {
  if (error.name === "AbortError") return;
  if (error.kind === "disk_full") fullDisk(error.message);
  toast(error.message, { failed: true });
  say(error.message);
};

// A change was made: its garment is there, its step can be taken back.
export const changed = (answer, text) => {
  fullDisk("");
  const { step } = answer;
  if (step) Object.assign(state, { undo: step, redo: null });  // at once: Undo may be pressed before the counts are there
  toast(text || (step ? step.what : "nothing to change"), step ? { action: { name: "Undo", key: "Ctrl Z", run: () => undo(step.id) } } : {});
  return refresh();
};

export const undo = (step = state.undo && state.undo.id) => swap("undo", step);
export const redo = (step = state.redo && state.redo.id) => swap("redo", step);

const swap = async (way, step) => {
  if (!step) {
    toast(`nothing to ${way}`);
    return;
  }
  try {
    const { step: done } = await post(`/api/${way}`, { step });
    fullDisk("");
    await refresh();
    const back = way === "undo" ? { name: "Redo", key: "Ctrl Y", run: () => redo(done.id) } : { name: "Undo", key: "Ctrl Z", run: () => undo(done.id) };
    toast(`${way === "undo" ? "Undone" : "Done again"}: ${done.what}`, { action: back });
  } catch (error) {
    refused(error);
    refresh().catch(() => {});
  }
};
