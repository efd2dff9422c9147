// A candidate over the view: what it is, what it looks like, whether it is there already; and what becomes of it.
import { el, percent, say } from "/assets/dom.js";
import { ask, post, state } from "/assets/api.js";
import { layer } from "/assets/keys.js";
import { chooser, nameOf, picture, sureness, swatches } from "/assets/pieces.js";
import { changed, fullDisk, refused } from "/assets/toast.js";

// Show a candidate; resolves when it is decided on.
export const decide = (seen, more = "") => new Promise((done) => {
  const { result, duplicates } = seen;
  const twin = duplicates[0] || null;
  let busy = false, drop = () => {};
  const title = el("h2", { id: "candidate-title" }, seen.there ? seen.caption : "Nothing there");
  const failure = el("p", { class: "failure", role: "alert", hidden: true });
  const label = chooser(seen.there ? state.labels : [], seen.there ? result.top : [], result.label, { id: "candidate-class" });
  const keep = el("button", { type: "button", class: "primary", disabled: !seen.there });
  const name = () => {
    title.textContent = !seen.there ? "Nothing there" : seen.captions[label.value] || seen.caption;
    keep.replaceChildren(label.value ? `Keep as ${label.value}` : "Keep", el("kbd", {}, "Enter"));
    keep.disabled = !seen.there || !label.value;
  };
  label.addEventListener("change", name);
  const pick = (chosen) => {
    label.value = chosen;
    name();
    keep.focus();
  };

  const finish = async (work) => {
    if (busy) return;
    busy = true;
    made.setAttribute("aria-busy", "true");
    failure.hidden = true;
    try {
      await work();
      made.close();
    } catch (error) {
      if (error.kind === "disk_full") fullDisk(error.message);
      failure.hidden = false;
      failure.textContent = error.message;
    } finally {
      busy = false;
      made.removeAttribute("aria-busy");
    }
  };
  const send = (body) => finish(async () => {
    const answer = await post(`/api/candidates/${seen.id}/keep`, body);
    const { garment } = answer;
    // it is saved: the counts may come later, the next garment need not wait for them
    changed(answer, body.duplicate_of ? `Another picture of #${garment.id} ${nameOf(garment)}`
      : `${garment.status === "review" ? "To review" : "Kept"}: #${garment.id} ${nameOf(garment)}`).catch(() => {});
  });
  const keepIt = () => !keep.disabled && send({ label: label.value });
  const same = () => twin && send({ duplicate_of: twin.garment.id });
  const later = () => seen.there && send({});
  const skip = () => finish(() => ask(`/api/candidates/${seen.id}`, { method: "DELETE" }).catch(() => {}));
  keep.addEventListener("click", keepIt);

  const button = (text, key, run, given = {}) => el("button", { type: "button", on: { click: run }, ...given }, text, el("kbd", {}, key));
  const made = el("dialog", { class: "candidate", "aria-labelledby": "candidate-title", on: {
    cancel: (event) => { event.preventDefault(); skip(); },
    close: () => { drop(); made.remove(); done(); },
  } },
  el("div", { class: "top-line" }, title, more && el("span", { class: "soft" }, more)),
  el("div", { class: "body" },
    el("img", { class: "cutout", src: seen.thumbnail, alt: "the garment, cut out", width: 320, height: 320 }),
    el("div", { class: "what" },
      seen.there ? sureness(result.label, result.confidence, result.quality) : null,
      result.reason && el("p", { class: "why" }, result.reason),
      seen.there && result.quality !== "good" && el("div", { class: "choices" }, result.top.slice(0, 3).map((row, place) =>
        button(row.label, String(place + 1), () => pick(row.label)))),
      seen.there && el("label", { class: "field" }, el("span", {}, "Class ", el("kbd", {}, "c")), label),
      seen.there && seen.colours.length > 0 && swatches(seen.colours, true),
      seen.there && seen.pattern && el("p", { class: "soft pattern" }, seen.pattern),
      !seen.there && el("p", {}, "Lay one garment flat on a plain ground, wholly in the picture, and scan again."))),
  twin && el("div", { class: "twin" }, picture(twin.garment, { lazy: false }),
    el("div", {}, el("p", {}, el("strong", {}, `Looks like #${twin.garment.id} `), nameOf(twin.garment)),
      el("p", { class: "soft" }, `${percent(twin.score)} sure: ${twin.why}`))),
  !twin && seen.similar.length > 0 && el("div", { class: "alike" }, el("p", { class: "soft" }, "Most like it"),
    el("ul", {}, seen.similar.slice(0, 4).map((row) => el("li", {}, picture(row.garment, { lazy: false }),
      el("span", {}, el("span", { class: "id" }, `#${row.garment.id}`), ` ${row.garment.label || "unknown"}`))))),
  failure,
  el("div", { class: "actions" }, seen.there && keep,
    twin && button(`Same as #${twin.garment.id}`, "m", same),
    seen.there && result.quality !== "good" && button("Decide later", "l", later),
    button(seen.there ? "Skip" : "Close", "Esc", skip, seen.there ? { class: "plain" } : { class: "primary" })));

  const keys = { c: () => label.isConnected && label.focus(), m: same, l: later,
    Enter: (event) => (event.target.closest("button") ? false : keepIt()) };
  result.top.slice(0, 5).forEach((row, place) => {
    keys[String(place + 1)] = () => pick(row.label);
  });
  name();
  drop = layer(keys);
  document.body.append(made);
  made.showModal();
  (keep.disabled ? (seen.there ? label : made.querySelector(".actions button")) : twin ? made.querySelector(".actions button:nth-child(2)") : keep).focus();
  say(seen.there ? `${title.textContent}${twin ? `, looks like number ${twin.garment.id}` : ""}` : result.reason || "nothing there");
});

export const sent = async (work, more) => {
  try {
    await decide(await work(), more);
  } catch (error) {
    refused(error);
  }
};
