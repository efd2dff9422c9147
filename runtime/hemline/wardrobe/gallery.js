
"use strict";
{
  const id = (name) => document.getElementById(name);
  const form = document.querySelector(".controls");
  const cards = [...document.querySelectorAll(".wardrobe > li")];
  // as search.py folds them
  const folded = (text) => text.toLowerCase().normalize("NFKD").replace(/\p{M}/gu, "").match(/[\p{L}\p{N}_]+/gu) || [];
  const show = () => {
    const words = folded(id("words").value), kind = id("class").value, colour = id("colour").value;
    let count = 0;
    for (const card of cards) {
      const { words: own, class: label, colours } = card.dataset;
      card.hidden = !((!kind || label === kind) && (!colour || colours.includes(`|${colour}|`)) &&
        words.every((word) => own.includes(` ${word}`)));
      count += !card.hidden;
    }
    id("count").value = count === cards.length ? `${count} garment${count === 1 ? "" : "s"}` : `${count} of ${cards.length}`;
    id("nothing").hidden = count > 0 || cards.length === 0;
  };
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  show();  // a browser that comes back to the page keeps what was typed
}
