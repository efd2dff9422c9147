// Parts that several views show: cards of garments, colours, labels to choose from.
import { bar, el, percent } from "/assets/dom.js";

// CIE L*a*b* (D65) to sRGB, held inside its range
export const css = ([lightness, a, b]) => {
  const y = (lightness + 16) / 116;
  const [x, yy, z] = [[0.95047, y + a / 500], [1, y], [1.08883, y - b / 200]].map(([white, part]) =>
    white * (part > 6 / 29 ? part ** 3 : 3 * (6 / 29) ** 2 * (part - 4 / 29)));
  const linear = [[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.204, 1.057]]
    .map(([r, g, bl]) => Math.min(1, Math.max(0, r * x + g * yy + bl * z)));
  return `rgb(${linear.map((value) => Math.round(255 * (value <= 0.0031308 ? 12.92 * value : 1.055 * value ** (1 / 2.4) - 0.055))).join(" ")})`;
};

export const swatches = (colours, shares = false) => el("ul", { class: "swatches", "aria-label": "colours" },
  colours.slice(0, shares ? 6 : 3).map((colour) => el("li", {},
    el("span", { class: "swatch", "aria-hidden": "true", style: { "background-color": css(colour.lab) } }),
    colour.name, shares && el("span", { class: "soft number" }, ` ${percent(colour.share)}`))));

export const picture = (garment, { lazy = true } = {}) => garment.thumbnail
  ? el("img", { src: garment.thumbnail, alt: "", loading: lazy ? "lazy" : "eager", decoding: "async", width: 320, height: 320 })
  : el("span", { class: "missing" }, "no picture");

export const nameOf = (garment) => garment.caption || garment.label || "unknown";

export const card = (garment, ...more) => el("li", {},
  el("a", { class: "card", href: `#/garments/${garment.id}` }, picture(garment),
    el("span", { class: "facts-of" },
      el("span", { class: "title" }, el("span", { class: "id" }, `#${garment.id}`), " ", nameOf(garment)),
      swatches(garment.colours),
      el("span", { class: "who" }, [garment.label || "unknown", garment.pattern,
        garment.worn ? `worn ${garment.worn}×` : null].filter(Boolean).join(" · ")),
      garment.status !== "kept" && el("span", { class: `badge ${garment.status}` }, garment.status === "review" ? "to review" : garment.status),
      more)));

// a class to choose, the likeliest first; the last line takes one of your own
export const chooser = (labels, top, chosen, given = {}) => {
  const likely = top.map((row) => row.label);
  const rest = labels.filter((label) => !likely.includes(label));
  const option = (label, share) => el("option", { value: label }, share === undefined ? label : `${label} – ${percent(share)}`);
  const made = el("select", given, !chosen && el("option", { value: "" }, "choose a class…"),
    top.map((row) => option(row.label, row.probability)), rest.map((label) => option(label)));
  made.value = chosen || "";
  return made;
};

export const sureness = (label, confidence, quality) => el("div", { class: "sureness", "data-quality": quality },
  el("span", { class: "label" }, label || "unknown"), bar(label ? confidence : 0, "confidence"),
  el("span", { class: "number" }, label ? percent(confidence) : ""));

export const empty = (title, ...lines) => el("div", { class: "empty" }, el("h2", {}, title), lines);
