// The page: one view at a time, named by the address; what is new comes by events.
import { el, id } from "/assets/dom.js";
import { follow } from "/assets/live.js";
import { onState, refresh, state } from "/assets/api.js";
import { garment } from "/assets/garment.js";
import { grid } from "/assets/grid.js";
import { layer, listen } from "/assets/keys.js";
import { review } from "/assets/review.js";
import { scan } from "/assets/scan.js";
import { refused, undo } from "/assets/toast.js";

const main = id("view");
const offline = el("p", { class: "banner sticky", role: "alert", hidden: true }, "hemline does not answer; trying again. Is it still running?");
document.querySelector(".head").after(offline);
let view = null, drop = () => {}, first = true, after = null;

const show = () => {
  const [path, query = ""] = location.hash.slice(2).split("?");
  const [name, number] = path.split("/");
  view?.leave?.();
  drop();
  main.replaceChildren();
  main.className = name || "scan";
  const given = new URLSearchParams(query);
  if (name === "garments" && /^\d+$/.test(number || "")) view = garment(main, Number(number));
  else if (name === "garments") view = grid(main, given);
  else if (name === "review") view = review(main);
  else view = scan(main);
  drop = layer(view.keys);
  document.title = `${view.title} – Wardrobe`;
  for (const link of document.querySelectorAll(".head nav a")) {
    if (link.dataset.view === (name || "scan")) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (!first) scrollTo(0, 0);
  if (after) after();
  // who goes to a view is told its name; not at the first, where a browser tells the title
  else if (!first) Promise.resolve(view.ready).then(() => main.querySelector("h1")?.focus({ preventScroll: true }));
  first = false;
  after = null;
};

// go to a view and do something there
const go = (where, then = null) => {
  if (location.hash.split("?")[0] === where) then?.();
  else {
    after = then;
    location.hash = where;
  }
};

listen({
  s: () => go("#/scan", () => id("scan")?.click()),
  "/": () => go("#/garments", () => view?.search?.()),
  g: () => go("#/garments"),
  r: () => go("#/review"),
});
id("undo").addEventListener("click", () => undo());

onState((changed) => {
  const { statuses } = state.statistics;
  id("garments-count").textContent = ((statuses.kept || 0) + (statuses.review || 0)).toLocaleString("en");
  id("review-count").textContent = statuses.review ? statuses.review.toLocaleString("en") : "";
  id("undo").disabled = !state.undo;
  id("undo").title = state.undo ? `Undo: ${state.undo.what}` : "nothing to undo";
  if (changed) view?.changed?.();
});

refresh().then(show, (error) => { refused(error); show(); });
addEventListener("hashchange", show);
follow((facts) => {
  offline.hidden = facts.state !== "offline";
  if (facts.change !== undefined && facts.change !== state.change && state.change >= 0) refresh().catch(() => {});
  view?.seen?.(facts);
});
