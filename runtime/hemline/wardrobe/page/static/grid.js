// The garments: searched, filtered, a page at a time.
import { count, el, id, say } from "/assets/dom.js";
import { ask, state } from "/assets/api.js";
import { card, empty } from "/assets/pieces.js";
import { refused } from "/assets/toast.js";

const PAGE = 60;

export const grid = (place, given) => {
  let asking = null, total = 0;
  const page = Math.max(1, Number(given.get("page")) || 1);
  const words = el("input", { type: "search", id: "words", autocomplete: "off", value: given.get("words") || "", maxlength: "200" });
  const kind = el("select", { id: "class" }), colour = el("select", { id: "colour" });
  const status = el("select", { id: "status" }, [["", "all"], ["kept", "kept"], ["review", "to review"], ["removed", "removed"]]
    .map(([value, name]) => el("option", { value }, name)));
  status.value = given.get("status") || "";
  const found = el("output", { id: "count" }, "\u00a0");
  const list = el("ul", { class: "wardrobe", "aria-label": "garments" });
  const nothing = el("div");
  const back = el("a", { class: "button", rel: "prev" }, "Newer", el("kbd", {}, "["));
  const on = el("a", { class: "button", rel: "next" }, "Older", el("kbd", {}, "]"));
  const where = el("span", { class: "soft number" });
  const pager = el("nav", { class: "pager", "aria-label": "Pages", hidden: true }, back, where, on);
  place.append(el("h1", { class: "unseen", tabindex: "-1" }, "Garments"),
    el("form", { class: "controls", role: "search", on: { submit: (event) => event.preventDefault() } },
      el("label", {}, "Search", words), el("label", {}, "Class", kind), el("label", {}, "Colour", colour),
      el("label", {}, "Status", status), found),
    list, nothing, pager);

  const choices = () => {
    const counts = state.statistics || { labels: {}, colours: {} };
    for (const [select, name, from] of [[kind, "class", counts.labels], [colour, "colour", counts.colours]]) {
      const chosen = select.value || given.get(name) || "";
      const names = Object.keys(from).filter((label) => name !== "class" || label !== "unknown").sort();
      if (chosen && !names.includes(chosen)) names.push(chosen);
      select.replaceChildren(el("option", { value: "" }, "all"), ...names.map((label) =>
        el("option", { value: label }, from[label] ? `${label} (${from[label].toLocaleString("en")})` : label)));
      select.value = chosen;
    }
  };
  const asked = (number) => {
    const query = new URLSearchParams();
    for (const [name, field] of [["words", words], ["class", kind], ["colour", colour], ["status", status]]) {
      if (field.value.trim()) query.set(name, field.value.trim());
    }
    if (number > 1) query.set("page", String(number));
    return query;
  };
  const link = (number) => `#/garments?${asked(number)}`;
  const load = async (number) => {
    if (asking) asking.abort();
    asking = new AbortController();
    const query = asked(number);
    query.delete("page");
    query.set("limit", String(PAGE));
    query.set("offset", String((number - 1) * PAGE));
    list.setAttribute("aria-busy", "true");
    try {
      const answer = await ask(`/api/garments?${query}`, { signal: asking.signal });
      total = answer.total;
      const held = document.activeElement && list.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
      list.replaceChildren(...answer.garments.map((garment) => card(garment)));
      if (held) list.querySelector(`a[href="${held}"]`)?.focus();
      tell(answer, number);
    } catch (error) {
      refused(error);
    } finally {
      list.removeAttribute("aria-busy");
    }
  };
  const tell = (answer, number) => {
    found.value = count(total, "garment");
    say(found.value);
    const last = Math.max(1, Math.ceil(total / PAGE));
    pager.hidden = last < 2;
    where.textContent = `${(answer.offset + 1).toLocaleString("en")}–${(answer.offset + answer.garments.length).toLocaleString("en")} of ${total.toLocaleString("en")}`;
    for (const [button, to] of [[back, number - 1], [on, number + 1]]) {
      const there = to >= 1 && to <= last;
      button.toggleAttribute("aria-disabled", !there);
      if (there) button.href = link(to);
      else button.removeAttribute("href");
    }
    const filtered = asked(1).size > 0;
    nothing.replaceChildren(...(total ? [] : [filtered
      ? empty("Nothing is like that", el("p", {}, "Take a word or a choice away."), el("p", {}, el("a", { class: "button", href: "#/garments" }, "Show everything")))
      : empty("The wardrobe is empty", el("p", {}, "Lay a garment flat on a plain ground and scan it."), el("p", {}, el("a", { class: "button primary", href: "#/scan" }, "Scan the first one")))]));
  };

  // the address says what is shown, so that going back comes back to it; typing does not fill the history
  let timer = 0, shown = page;
  const search = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      shown = 1;
      history.replaceState(null, "", link(1));
      load(1);
    }, 180);
  };
  words.addEventListener("input", search);
  for (const field of [kind, colour, status]) field.addEventListener("change", search);
  list.addEventListener("keydown", (event) => move(event, list));
  choices();
  load(page);
  return {
    title: "Garments",
    keys: { "[": () => back.href && back.click(), "]": () => on.href && on.click(), "/": () => { words.focus(); words.select(); } },
    changed: () => { choices(); load(shown); },
    leave: () => { clearTimeout(timer); if (asking) asking.abort(); },
    search: () => { words.focus(); words.select(); },
  };
};

// arrow keys go from card to card as they lie
const move = (event, list) => {
  const cards = [...list.querySelectorAll("a.card")];
  const here = cards.indexOf(event.target.closest("a.card"));
  if (here < 0) return;
  const top = cards[0].offsetTop, wide = cards.filter((one) => one.offsetTop === top).length;
  const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: wide, ArrowUp: -wide, Home: -here, End: cards.length - 1 - here }[event.key];
  if (step === undefined) return;
  event.preventDefault();
  cards[Math.min(cards.length - 1, Math.max(0, here + step))].focus();
};
