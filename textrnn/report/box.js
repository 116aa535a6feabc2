"use strict";
// The box of the report in which a message is typed: its answer, and why. report/try/model.js calls `begin`.

const WORK = 250_000;  // tokens that the networks read to explain a text, as in textrnn/inference/explain.py
const STRENGTHS = [0.25, 1, 2.5];  // weights at which a colour begins, as in textrnn/cli/writer.py
const LEAST = 0.005;  // a weight below this is written as 0.00
const MOST_STRONGEST = 8;  // tokens that are listed with their weights
const FRAME = 12;  // milliseconds of work between two looks at the keyboard
const PAUSE = 200;  // milliseconds without a key before an answer is explained

function decoded(base64) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
  const text = atob(base64), bytes = new Uint8Array(text.length);
  for (let place = 0; place < bytes.length; place++) bytes[place] = text.charCodeAt(place);
  return bytes;
}

/** Return n-grams, 64-bit numbers of which the upper half says the source, as one array of each source. */
function ngramsOf(base64) {
  const halves = new Uint32Array(decoded(base64).buffer);
  const lower = halves.filter((_, place) => place % 2 === 0);
  const characters = halves.reduce((count, half, place) => count + (place % 2 === 1 && half === 0), 0);
  return { characters: lower.subarray(0, characters), words: lower.subarray(characters) };
}

/** Return functions of a text: `probabilities` of the labels, `answer`, and `explanation`, a token at a time. */
function classifier(model) {
  const graph = graphOf(decoded(model.graph));
  const read = reader({ ...model, ngrams: ngramsOf(model.ngrams) });
  const { settings, positive, threshold, digits } = model;

  /** Return the probabilities of the labels for a text that was normalised, rounded as predict.py does. */
  function probabilities(text) {
    const found = run(graph, read.inputs(text, graph)).probabilities.data;
    return Array.from(found, (value) => rounded(value, digits));
  }

  /** Return the number of the label answered: of two the positive one from its threshold on, else the likeliest. */
  function decided(likely) {
    if (positive !== null && likely.length === 2) return likely[positive] >= threshold ? positive : 1 - positive;
    return likely.indexOf(Math.max(...likely));
  }

  function answer(message) {
    const text = read.normalised(message), likely = probabilities(text), label = decided(likely);
    return { text, probabilities: likely, label, shown: likely[positive !== null && likely.length === 2 ? positive : label] };
  }

  const odds = (value) => {
    const least = 0.5 * 10 ** -digits;
    return Math.log(Math.max(value, least) / Math.max(1 - value, least));
  };

  /** Yield [start, end, weight] of each token that is explained: how many nats of log-odds the label loses without it. */
  function* explanation({ text, probabilities: before, label }) {
    const about = positive ?? label, places = read.spans(text, settings.max_sequence_length + 1);
    const count = Math.min(places.length, settings.max_sequence_length);
    for (const [start, end] of places.slice(0, Math.min(count, Math.max(1, Math.floor(WORK / Math.max(1, count)))))) {
      const without = probabilities(`${text.slice(0, start)} ${text.slice(end)}`)[about];
      yield [start, end, rounded(odds(before[about]) - odds(without), digits)];
    }
  }

  return { answer, explanation };
}

/** Return a new element with this text, which is never read as HTML. */
function element(kind, text, name = "") {
  const made = document.createElement(kind);
  made.textContent = text;
  made.className = name;
  return made;
}

const percent = (share) => `${(100 * share).toFixed(share > 0.999 || share < 0.001 ? 4 : 2)}\u00a0%`;
const signed = (weight) => `${weight < 0 ? "\u2212" : "+"}${Math.abs(weight).toFixed(2)}`;

/** Return the name of the colour of a weight. */
function colour(weight) {
  const strength = STRENGTHS.filter((least) => Math.abs(weight) >= least).length;
  return strength ? `${weight > 0 ? "for" : "against"}-${strength}` : "";
}

/** Return a list of the labels by falling probability. */
function ranking(labels, likely) {
  const order = labels.map((_, number) => number).sort((a, b) => likely[b] - likely[a]);
  return order.map((number) => {
    const item = element("li", "");
    const bar = element("meter", "");
    bar.value = likely[number];
    bar.ariaHidden = "true";
    item.append(element("bdi", labels[number], "label"), element("span", percent(likely[number])), bar);
    return item;
  });
}

/** Return the text in pieces, each on the colour of its token; letters that are drawn as one have the strongest. */
function pieces(text, explained) {
  const made = [];
  let next = 0;
  for (const { segment, index } of new Intl.Segmenter("en").segment(text)) {
    const end = index + segment.length;
    while (next < explained.length && explained[next][1] <= index) next++;
    let weight = 0, owner = null;
    for (let one = next; one < explained.length && explained[one][0] < end; one++) {
      if (owner === null || Math.abs(explained[one][2]) > Math.abs(weight)) [owner, weight] = [one, explained[one][2]];
    }
    if (made.length && made.at(-1).owner === owner) made.at(-1).text += segment;
    else made.push({ owner, text: segment, weight });
  }
  return made.map((part) => element("span", part.text, colour(part.weight)));
}

/** Return the tokens with the strongest weights, and these. */
function strongest(text, explained) {
  const visible = explained.filter(([, , weight]) => Math.abs(weight) >= LEAST).sort((a, b) => Math.abs(b[2]) - Math.abs(a[2]));
  return visible.slice(0, MOST_STRONGEST).map(([start, end, weight]) => {
    const item = element("li", "");
    const token = element("code", text.slice(start, end));
    token.dir = "auto";
    item.append(token, ` ${signed(weight)}`);
    return item;
  });
}

const pause = (milliseconds) => new Promise((go) => { setTimeout(go, milliseconds); });

/** Answer what is typed, at once, and then explain it, unless another key comes. */
function begin(model) {
  const say = (name, ...content) => byId(name).replaceChildren(...content);
  if (model.record !== data.record) return say("try-state", "The folder try beside this page is that of another model.");
  const { answer, explanation } = classifier(model);
  const labels = model.settings.labels, box = byId("message");
  window.predicted = answer;
  let latest = 0;

  async function explain(found, turn) {
    const about = element("bdi", labels[model.positive ?? found.label]), done = [];
    await pause(PAUSE);
    let since = performance.now();
    for (const token of turn === latest ? explanation(found) : []) {
      done.push(token);
      if (performance.now() - since > FRAME) {
        await pause(0);
        since = performance.now();
      }
      if (turn !== latest) return;
    }
    if (turn !== latest) return;
    say("try-pieces", ...pieces(found.text, done));
    say("try-strongest", ...strongest(found.text, done));
    say("try-about", about);
  }

  function update() {
    const found = answer(box.value);
    latest += 1;
    byId("try-answer").hidden = box.value === "";
    if (box.value === "") return;
    say("try-label", element("bdi", labels[found.label], "label"), ` ${percent(found.probabilities[found.label])}`);
    say("try-labels", ...ranking(labels, found.probabilities));
    say("try-pieces", found.text);
    explain(found, latest);
  }

  box.addEventListener("input", update);
  say("try-state");
  update();
}
