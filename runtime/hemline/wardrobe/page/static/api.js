// What the page asks of hemline, and what it knows of the catalogue as a whole.

export class Refused extends Error {
  constructor(status, kind, line) {
    super(line);
    this.status = status;
    this.kind = kind;
  }
}

export const ask = async (path, { method = "GET", body, signal } = {}) => {
  const given = { method, signal, headers: {} };
  if (body instanceof Blob) given.body = body;
  else if (body !== undefined) {
    given.body = JSON.stringify(body);
    given.headers["content-type"] = "application/json";
  }
  let answer;
  try {
    answer = await fetch(path, given);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, "offline", "hemline does not answer. Is it still running?");
  }
  if (answer.status === 401) location.reload();  // the page that asks for the token
  let value = {};
  try {
    value = await answer.json();
  } catch {
    if (answer.ok) throw new Refused(answer.status, "data", "an answer that cannot be read");
  }
  if (!answer.ok) throw new Refused(answer.status, value.kind || "", value.error || `refused (${answer.status})`);
  return value;
};

export const post = (path, body = {}) => ask(path, { method: "POST", body });

// counts, classes, what undo would do; `change` rises with every change, of whichever browser or command
export const state = { change: -1, labels: [], known: [], live: null, undo: null, redo: null, statistics: null };
const heard = new Set();

export const onState = (listener) => heard.add(listener);

let asking = null;
export const refresh = () => {
  asking = asking || ask("/api/state").then((value) => {
    const changed = value.change !== state.change;
    Object.assign(state, value);
    for (const listener of heard) listener(changed);
  }).finally(() => { asking = null; });
  return asking;
};
