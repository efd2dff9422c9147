// Elements by plain functions: text is always text, nothing is parsed as HTML.

export const el = (tag, given = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") for (const [kind, heard] of Object.entries(value)) made.addEventListener(kind, heard);
    else if (name === "style") for (const [key, said] of Object.entries(value)) made.style.setProperty(key, said);
    else if (name in made && typeof value !== "string") made[name] = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...there(children));
  return made;
};

const there = (children) => children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
export const put = (place, ...children) => place.replaceChildren(...there(children));

export const id = (name) => document.getElementById(name);
export const percent = (share) => `${Math.round(100 * share)} %`;
export const count = (number, one, many = `${one}s`) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;

// what is said once to someone who does not see the page
export const say = (text) => {
  const place = id("said");
  if (place && place.textContent !== text) place.textContent = text;
};

export const bar = (share, label) => fill(el("span", { class: "bar", role: "meter", "aria-label": label,
  "aria-valuemin": "0", "aria-valuemax": "100" }, el("span")), share);

export const fill = (made, share) => {
  made.firstChild.style.setProperty("width", `${100 * share}%`);
  made.setAttribute("aria-valuenow", String(Math.round(100 * share)));
  return made;
};
