// Scanning: the camera and the answer, or photos that are chosen, taken, dropped or pasted.
import { el } from "/assets/dom.js";
import { ask, post, state } from "/assets/api.js";
import { sent } from "/assets/candidate.js";
import { Live } from "/assets/live.js";
import { card, empty } from "/assets/pieces.js";
import { refused, toast } from "/assets/toast.js";

const KINDS = "image/jpeg,image/png,image/webp,image/bmp";
const MOST_BYTES = 32 * 2 ** 20;

let open = false;  // one candidate at a time
const one = async (work, more) => {
  if (open) return;
  open = true;
  try {
    await sent(work, more);
  } finally {
    open = false;
  }
};

const photos = async (files) => {
  const chosen = [...files];
  for (const [place, file] of chosen.entries()) {
    if (file.size > MOST_BYTES) {
      toast(`${file.name}: ${Math.round(file.size / 2 ** 20)} MiB; at most 32 are taken`, { failed: true });
      continue;
    }
    await one(() => ask(`/api/candidates/photo?name=${encodeURIComponent(file.name || "photo")}`, { method: "POST", body: file }),
      chosen.length > 1 ? `photo ${place + 1} of ${chosen.length}` : "");
  }
};

export const scan = (place) => {
  const live = state.live ? new Live() : null;
  const input = (given) => el("input", { type: "file", accept: KINDS, class: "unseen", tabindex: "-1", "aria-hidden": "true", ...given,
    on: { change: (event) => { photos(event.target.files).finally(() => { event.target.value = ""; }); } } });
  const file = input({ id: "photo", multiple: true }), take = input({ id: "take", capture: "environment" });
  const shoot = () => one(() => post("/api/candidates/frame"));
  const choose = () => file.click();
  const scanButton = el("button", { type: "button", id: "scan", class: "primary big", on: { click: live ? shoot : choose } },
    live ? "Scan" : "Choose photos", el("kbd", {}, "s"));
  const buttons = el("div", { class: "scan-buttons" }, scanButton,
    el("button", { type: "button", class: "coarse", on: { click: () => take.click() } }, "Take a photo"),
    live && el("button", { type: "button", on: { click: choose } }, "Choose photos"), file, take);
  const heading = el("h1", { class: "unseen", tabindex: "-1" }, "Scan");
  const recent = el("ul", { class: "wardrobe lane", "aria-label": "entered last" });
  const lately = el("section", { class: "lately" }, el("h2", {}, "Entered last"), recent);
  const begin = el("div");

  if (live) {
    place.append(heading, el("div", { class: "live" }, live.picture, el("div", { class: "side" }, live.answer, buttons)));
  } else {
    const zone = el("div", { class: "zone" }, el("div", {},
      el("p", { class: "lead" }, "Drop photos here, paste one, or choose them."),
      el("p", { class: "soft" }, "One garment each, flat on a plain ground, from above."), buttons));
    place.append(heading, zone);
  }
  place.append(begin, lately);

  const load = async () => {
    try {
      const { garments, total } = await ask("/api/garments?limit=6");
      recent.replaceChildren(...garments.map((garment) => card(garment)));
      lately.hidden = total === 0;
      begin.replaceChildren(...(total ? [] : [empty("Nothing is here yet", el("p", {}, live
        ? "Lay a garment flat in front of the camera. When its name is steady, press Scan: you decide whether it is kept, and as what."
        : "Each photo is looked at here, on this machine. You decide whether it is kept, and as what."))]));
    } catch (error) {
      refused(error);
    }
  };
  const drag = (event) => {
    if (![...(event.dataTransfer?.types || [])].includes("Files")) return;
    event.preventDefault();
    place.classList.toggle("over", event.type === "dragover");
    if (event.type === "drop") photos(event.dataTransfer.files);
  };
  const paste = (event) => {
    const files = [...(event.clipboardData?.files || [])].filter((given) => given.type.startsWith("image/"));
    if (files.length) photos(files);
  };
  const kinds = ["dragover", "dragleave", "drop"];
  for (const kind of kinds) document.addEventListener(kind, drag);
  document.addEventListener("paste", paste);
  load();
  return {
    title: "Scan",
    keys: { s: () => scanButton.click() },
    changed: load,
    seen: (facts) => {
      if (!live) return;
      live.show(facts);
      const gone = facts.state !== "live" && facts.state !== "offline";
      scanButton.disabled = gone && !(facts.state === "ended" && facts.frame !== undefined && !facts.fault);
    },
    leave: () => {
      for (const kind of kinds) document.removeEventListener(kind, drag);
      document.removeEventListener("paste", paste);
    },
  };
};
