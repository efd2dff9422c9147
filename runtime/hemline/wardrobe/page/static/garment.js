// One garment: its pictures, what was said about it, what is like it, what goes with it.
import { bar, count, el, percent, put } from "/assets/dom.js";
import { ask, post, state } from "/assets/api.js";
import { card, chooser, empty, nameOf, swatches } from "/assets/pieces.js";
import { changed, refused, undo } from "/assets/toast.js";

const today = () => {
  const now = new Date();
  return new Date(now.getTime() - 60_000 * now.getTimezoneOffset()).toISOString().slice(0, 10);
};

export const garment = (place, number) => {
  let facts = null, busy = false, keys = {};
  const holder = el("div");
  place.append(holder);

  const act = async (what, body = {}) => {
    if (busy || !facts) return;
    busy = true;
    try {
      const answer = await post(`/api/garments/${number}/${what}`, { version: facts.version, ...body });
      await changed(answer);
    } catch (error) {
      refused(error);
      if (error.status === 409) await load();
    } finally {
      busy = false;
    }
  };
  const button = (text, key, run, given = {}) => el("button", { type: "button", on: { click: run }, ...given }, text, key && el("kbd", {}, key));

  const pictures = () => {
    const shown = el("img", { class: "main", src: facts.pictures[0]?.thumbnail, alt: nameOf(facts), width: 320, height: 320 });
    const link = el("a", { class: "shown", href: facts.pictures[0]?.file, target: "_blank", rel: "noopener", "aria-label": "the photo as it came" }, shown);
    const choose = (picture) => { shown.src = picture.thumbnail; link.href = picture.file; };
    return el("div", { class: "pictures" }, facts.pictures.length ? link : el("span", { class: "missing" }, "no picture"),
      facts.pictures.length > 1 && el("ul", { class: "views" }, facts.pictures.map((picture, index) => el("li", {},
        el("button", { type: "button", "aria-label": `picture ${index + 1}`, on: { click: () => choose(picture) } },
          el("img", { src: picture.thumbnail, alt: "", width: 64, height: 64 }))))));
  };
  const said = () => el("ul", { class: "said" }, facts.predictions.map((row) => el("li", {},
    el("span", {}, row.label || "unknown"), bar(row.label ? row.confidence : 0, "confidence"), el("span", { class: "number" }, row.label ? percent(row.confidence) : ""),
    el("span", { class: "soft" }, [row.quality, row.reason].filter(Boolean).join(": "), ` – ${row.bundle} ${row.artifact}, ${row.predicted_utc.slice(0, 10)}`))),
  facts.corrections.map((row) => el("li", { class: "by-hand" }, el("span", {}, row.after),
    el("span", { class: "soft" }, row.before === row.after ? "confirmed by you" : `corrected by you from ${row.before || "unknown"}`, `, ${row.corrected_utc.slice(0, 10)}`))));
  const wears = () => {
    const day = el("input", { type: "date", value: today(), max: today(), "aria-label": "day" });
    return el("section", {}, el("h2", {}, "Worn"),
      el("p", { class: "soft" }, facts.worn ? `${count(facts.worn, "day")}, last on ${facts.last_worn}` : "Not yet."),
      el("div", { class: "row" }, button("Worn today", "w", keys.w), day, button("Add that day", null, () => day.value && act("wear", { day: day.value }))),
      facts.wears.length > 0 && el("ul", { class: "days" }, [...facts.wears].reverse().map((worn) => el("li", {}, worn,
        el("button", { type: "button", class: "plain", "aria-label": `not worn on ${worn}`, on: { click: () => act("unwear", { day: worn }) } }, "×")))));
  };
  const notes = () => {
    const text = el("textarea", { id: "notes", maxlength: "10000", "aria-label": "notes" });
    text.value = facts.notes;
    const tags = el("input", { id: "tags", value: facts.tags.join(", "), placeholder: "summer, from Porto" });
    const caption = el("input", { id: "caption", value: facts.caption, maxlength: "200" });
    const form = el("form", { on: { submit: (event) => {
      event.preventDefault();
      act("edit", { notes: text.value, caption: caption.value, tags: tags.value.split(",") });
    } } }, el("label", { class: "field" }, "Name", caption), el("label", { class: "field" }, "Tags", tags),
    el("label", { class: "field" }, el("span", {}, "Notes ", el("kbd", {}, "n")), text), el("button", {}, "Save"));
    return el("section", { class: "written" }, el("h2", {}, "Yours"), form);
  };

  const show = () => {
    const removed = facts.status === "removed";
    const said_of = facts.predictions.at(-1);
    const own = "\u0000own";
    const choice = chooser([...new Set([...state.known, facts.label].filter(Boolean))], said_of ? said_of.top.slice(0, 5) : [], facts.label, { id: "class-of", disabled: removed,
      on: { change: () => {
        if (choice.value === own) {
          const name = prompt("What class is it?");
          if (name && name.trim()) act("correct", { label: name.trim(), new: true });
          choice.value = facts.label || "";
        } else if (choice.value) act("correct", { label: choice.value });
      } } });
    choice.append(el("option", { value: own }, "a class of my own…"));
    keys = removed ? {} : { c: () => choice.focus(), w: () => act("wear", { day: today() }), n: () => document.getElementById("notes").focus(), x: () => act("remove") };
    const merged = facts.merged_into !== null;
    put(holder,
      el("p", { class: "crumbs" }, el("a", { href: "#/garments" }, "Garments")),
      el("h1", { tabindex: "-1" }, el("span", { class: "id" }, `#${facts.id} `), nameOf(facts)),
      removed && el("p", { class: "banner" }, merged ? ["It is one with ", el("a", { href: `#/garments/${facts.merged_into}` }, `#${facts.merged_into}`), "."]
        : "It is removed. ", !merged && button("Bring it back", null, () => act("restore"))),
      el("div", { class: "one" }, pictures(), el("div", { class: "what" },
        el("label", { class: "field" }, el("span", {}, "Class ", el("kbd", {}, "c")), choice),
        facts.status === "review" && el("p", { class: "why" }, el("strong", {}, "To review"), facts.reason ? `: ${facts.reason}. ` : ". ",
          facts.label && button(`Yes, ${facts.label}`, null, () => act("confirm"))),
        swatches(facts.colours, true), facts.pattern && el("p", { class: "soft pattern" }, facts.pattern),
        el("h3", {}, "What was said"), said(),
        !removed && el("div", { class: "actions" }, button("Remove", "x", keys.x, { class: "plain danger" })))),
      !removed && el("div", { class: "two" }, wears(), notes()), !removed && alike, !removed && withIt);
  };
  const alike = el("section", {}, el("h2", {}, "Most like it"), el("ul", { class: "wardrobe lane", id: "similar" }));
  const withIt = el("section", {}, el("h2", {}, "To wear with it"), el("ul", { class: "wardrobe lane", id: "suggestions" }));
  const strip = async (part, path, draw, none) => {
    const list = part.querySelector("ul");
    part.querySelector(".none")?.remove();
    try {
      const answer = await ask(`/api/garments/${number}/${path}`), rows = draw(answer);
      list.replaceChildren(...rows);
      if (!rows.length) part.append(el("p", { class: "soft none" }, answer.why || none));
    } catch (error) {
      list.replaceChildren();
      part.append(el("p", { class: "soft none" }, error.message));
    }
  };
  const load = async () => {
    try {
      facts = await ask(`/api/garments/${number}`);
    } catch (error) {
      holder.replaceChildren(error.status === 404
        ? empty("There is no such garment", el("p", {}, error.message), el("div", { class: "actions" }, el("a", { class: "button", href: "#/garments" }, "All garments"), state.undo && button("Undo the last change", null, () => undo())))
        : empty("That did not work", el("p", {}, error.message)));
      facts = null;
      return;
    }
    document.title = `#${facts.id} ${nameOf(facts)} – Wardrobe`;
    show();
    if (facts.status === "removed") return;
    // one after the other: in a large wardrobe the rules take a while, and what is alike need not wait for them
    strip(alike, "similar", ({ similar }) => similar.map((row) => card(row.garment, el("span", { class: "soft number" }, `${percent(Math.max(0, row.score))} alike`))), "Nothing else was looked at by the same model yet.")
      .then(() => strip(withIt, "suggestions", ({ suggestions }) => suggestions.map((row) => card(row.garment, el("span", { class: "soft" }, row.reasons.slice(1).join("; ")))), "Nothing rested goes with it by the rules."));
  };
  // what somebody is writing is not taken from under the pen
  const writing = () => holder.contains(document.activeElement) && document.activeElement.closest(".written");
  return { title: `#${number}`, ready: load(), keys: new Proxy({}, { get: (_, key) => keys[key] }), changed: () => !writing() && load() };
};
