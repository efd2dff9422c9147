import { id } from "./dom.js";
import { Live, follow } from "./live.js";

const live = new Live();
id("watch").append(live.picture, live.answer);
follow((facts) => {
  if (facts.name) {
    id("name").textContent = facts.name;
    document.title = `${facts.name} – hemline watch`;
  }
  id("offline").hidden = facts.state !== "offline";
  live.show(facts);
});
