// The live view: events say what is seen, the picture is asked for when the last one is drawn. A slow browser asks
// less often, so nothing piles up on either side.
import { bar, el, fill, percent, say } from "./dom.js";

const QUALITIES = { good: "good", uncertain: "not sure", bad: "nothing to name" };

export class Live {
  constructor() {
    this.canvas = el("canvas", { width: 640, height: 480, role: "img", "aria-label": "what the camera sees" });
    this.note = el("p", { class: "fault", hidden: true });
    this.state = el("span", { class: "state" }, "waiting");
    this.picture = el("div", { class: "picture" }, this.canvas, this.state, this.note);
    this.name = el("p", { class: "name" }, "–");
    this.sure = el("span", { class: "sure" });
    this.bar = bar(0, "confidence");
    this.quality = el("span", { class: "quality" });
    this.reason = el("p", { class: "reason" });
    // three places, filled again and again: nothing is made anew, nothing moves
    this.rows = [0, 1, 2].map(() => ({ name: el("span"), bar: bar(0, "probability"), share: el("span", { class: "number" }) }));
    this.top = el("ol", { class: "top", "aria-label": "likeliest classes" },
      this.rows.map((row) => el("li", {}, row.name, row.bar, row.share)));
    this.rates = el("p", { class: "rates" });
    this.answer = el("section", { class: "answer", "aria-label": "the answer" },
      el("div", { class: "verdict-line" }, this.name, this.sure), el("div", { class: "rail" }, this.bar),
      el("p", { class: "line" }, this.quality),
      this.reason, this.top, this.rates);
    this.drawn = -1;
    this.wanted = -1;
    this.busy = false;
    this.announced = "";
    this.announcedAt = 0;
  }

  show(facts) {
    const { answer, state, fault } = facts;
    const lost = state === "lost" || (state === "ended" && fault);
    this.picture.classList.toggle("lost", Boolean(lost));
    this.note.hidden = !lost;
    if (lost) this.note.textContent = fault;
    this.state.dataset.state = state;
    this.state.textContent = { live: facts.still ? (facts.sharp ? "still" : "blurred") : "moving", lost: "camera lost",
      ended: "ended", waiting: "waiting", offline: "no connection" }[state] || state;
    if (state === "live" && facts.age_s > 2) this.state.textContent = `no new picture for ${Math.round(facts.age_s)} s`;
    if (answer && !lost) this.tell(answer, facts);
    else if (lost) {
      this.tell({ quality: "bad", label: null, confidence: 0, top: [], reason: "" }, facts);
      this.quality.textContent = "no picture";
      this.rates.textContent = "";
    }
    if (facts.frame !== undefined && facts.frame !== this.drawn && !lost) {
      this.wanted = facts.frame;
      this.draw();
    }
  }

  tell(answer, facts) {
    const name = answer.quality === "bad" ? "–" : answer.label || "unknown";
    this.name.textContent = name;
    this.sure.textContent = answer.label ? percent(answer.confidence) : "";
    fill(this.bar, answer.label ? answer.confidence : 0);
    this.answer.dataset.quality = answer.quality;
    this.quality.textContent = QUALITIES[answer.quality];
    this.reason.textContent = answer.reason || "";
    this.reason.title = answer.reason || "";
    this.rows.forEach((row, place) => {
      const said = answer.top[place];
      row.name.textContent = said ? said.label : "\u00a0";
      row.share.textContent = said ? percent(said.probability) : "";
      fill(row.bar, said ? said.probability : 0);
    });
    this.rates.textContent = facts.fps === undefined ? "" : `${facts.fps.toFixed(1)} frames/s · ${Math.round(facts.frame_ms)} ms`;
    const said = answer.quality === "bad" ? facts.fault || "nothing there" : `${name}, ${QUALITIES[answer.quality]}`;
    const now = performance.now();
    if (facts.steady !== false && said !== this.announced && now - this.announcedAt > 1500) {
      this.announced = said;
      this.announcedAt = now;
      say(said);
    }
  }

  async draw() {
    if (this.busy) return;
    this.busy = true;
    try {
      while (this.wanted !== this.drawn) {
        const number = this.wanted;
        const answer = await fetch("/api/live/frame", { cache: "no-store" });
        if (!answer.ok) break;
        const bitmap = await createImageBitmap(await answer.blob());
        if (this.canvas.width !== bitmap.width || this.canvas.height !== bitmap.height) {
          this.canvas.width = bitmap.width;
          this.canvas.height = bitmap.height;
        }
        this.canvas.getContext("2d").drawImage(bitmap, 0, 0);
        bitmap.close();
        this.drawn = number;
        document.documentElement.dataset.frame = String(number);
      }
    } catch {
      // the events say that there is no connection; the next one asks again
    } finally {
      this.busy = false;
    }
  }
}

// Call `heard` with what is seen until the page is hidden, and again when it is shown.
export const follow = (heard) => {
  let source = null, again = 0;
  const open = () => {
    clearTimeout(again);
    if (source || document.hidden) return;
    source = new EventSource("/api/events");
    source.addEventListener("seen", (event) => heard(JSON.parse(event.data)));
    source.addEventListener("error", () => {
      heard({ state: "offline" });
      if (source && source.readyState === EventSource.CLOSED) {  // refused: the browser does not try again by itself
        source = null;
        again = setTimeout(open, 3000);
      }
    });
  };
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) open();
    else if (source) {
      source.close();
      source = null;
    }
  });
  addEventListener("pagehide", () => source && source.close());
  open();
};
