// The review queue: what was not sure, one after another.
import { count, el } from "/assets/dom.js";
import { ask, post, state } from "/assets/api.js";
import { chooser, empty, nameOf, picture, sureness, swatches } from "/assets/pieces.js";
import { changed, refused } from "/assets/toast.js";

export const review = (place) => {
  const left = el("p", { class: "soft" }, "\u00a0"), holder = el("div");
  place.append(el("h1", { tabindex: "-1" }, "Review"), left, holder);
  let garment = null, keys = {}, busy = false;

  const act = async (what, body = {}) => {
    if (busy || !garment) return;
    busy = true;
    try {
      await changed(await post(`/api/garments/${garment.id}/${what}`, { version: garment.version, ...body }));
    } catch (error) {
      refused(error);
      await load();
    } finally {
      busy = false;
    }
  };
  const show = (facts) => {
    garment = facts;
    const said = facts.predictions.at(-1), top = said ? said.top.slice(0, 5) : [];
    const choice = chooser(state.known, top, facts.label, { id: "review-class", on: { change: (event) => event.target.value && act("correct", { label: event.target.value }) } });
    keys = { c: () => choice.focus(), l: () => act("skip"), x: () => act("remove"), y: () => facts.label && act("confirm") };
    top.forEach((row, index) => { keys[String(index + 1)] = () => act("correct", { label: row.label }); });
    const button = (text, key, run, given = {}) => el("button", { type: "button", on: { click: run }, ...given }, text, el("kbd", {}, key));
    holder.replaceChildren(el("section", { class: "one" },
      el("a", { class: "shown", href: `#/garments/${facts.id}`, "aria-label": `open #${facts.id}` }, picture(facts, { lazy: false })),
      el("div", { class: "what" },
        el("h2", {}, el("span", { class: "id" }, `#${facts.id} `), nameOf(facts)),
        sureness(facts.label, facts.confidence, facts.quality), facts.reason && el("p", { class: "why" }, facts.reason),
        swatches(facts.colours, true),
        el("p", { class: "question" }, "What is it?"),
        el("div", { class: "choices" }, top.map((row, index) => button(row.label, String(index + 1), keys[String(index + 1)]))),
        el("label", { class: "field" }, el("span", {}, "Another class ", el("kbd", {}, "c")), choice),
        el("div", { class: "actions" }, facts.label && button(`Yes, ${facts.label}`, "y", keys.y, { class: "primary" }),
          button("Later", "l", keys.l), button("Remove", "x", keys.x, { class: "plain danger" })))));
  };
  const load = async () => {
    try {
      const { garments, total } = await ask("/api/garments?status=review&order=review&limit=1");
      left.textContent = total ? `${count(total, "garment")} to look at` : "\u00a0";
      if (!total) {
        garment = null;
        keys = {};
        holder.replaceChildren(empty("Nothing to review", el("p", {}, "What the model is not sure of waits here until you say what it is."),
          el("p", {}, el("a", { class: "button", href: "#/scan" }, "Scan"))));
        return;
      }
      show(await ask(`/api/garments/${garments[0].id}`));
    } catch (error) {
      refused(error);
    }
  };
  load();
  return { title: "Review", keys: new Proxy({}, { get: (_, key) => keys[key] }), changed: load };
};
