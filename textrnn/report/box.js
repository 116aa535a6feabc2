"use strict";
// The box of the report in which a message is typed: its answer, and why. report/try/model.js calls `begin`.

const WORK = 250_000;  // tokens that the networks read to explain a text, as in textrnn/inference/explain.py
const [ALWAYS, NEVER] = [0, 1.1];  // probabilities from which the first graph of a cascade answers
const STRENGTHS = [0.25, 1, 2.5];  // weights at which a colour begins, as in textrnn/cli/writer.py
const LEAST = 0.005;  // a weight below this is written as 0.00
const MOST_STRONGEST = 8;  // tokens that are listed with their weights
const FRAME = 12;  // milliseconds of work between two looks at the keyboard
const UNSURE = "unsure";  // as predict.py says it, of a message of which the model promises nothing
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
  const [first, second] = model.graphs.map((graph) => graphOf(decoded(graph)));
  const read = reader({ ...model, ngrams: ngramsOf(model.ngrams) });
  const { settings, positive, threshold, digits, sure_from: sureFrom } = model;

  const shares = ({ probabilities: { data } }) => Array.from(data, (value) => rounded(value, digits));

  /** Return the probabilities for a normalised text, rounded as predict.py does, and whether the first graph gave them. */
  function answered(text, aloneFrom = settings.alone_from ?? ALWAYS) {
    const found = run(first, read.inputs(text, first)), probabilities = shares(found);
    if (Math.max(...probabilities) >= aloneFrom) return { probabilities, isFirst: true };
    const { characters, words, size } = found;
    return { probabilities: shares(run(second, { ...read.inputs(text, second), characters, words, size })), isFirst: false };
  }

  /** Return the number of the label answered: the likeliest; of two, the positive one from its threshold on. */
  function decided(likely) {
    if (positive !== null) return likely[positive] >= threshold ? positive : 1 - positive;
    return likely.indexOf(Math.max(...likely));
  }

  /** Return whether the model promises that this answer is right; without a promise it gives every answer. */
  function promised(likely, label) {
    return sureFrom === null || (sureFrom[label] !== null && likely[label] >= sureFrom[label]);
  }

  function answer(message) {
    const text = read.normalised(message), found = answered(text), label = decided(found.probabilities);
    return { text, ...found, label, isSure: promised(found.probabilities, label) };
  }

  const odds = (value) => {
    const least = 0.5 * 10 ** -digits;
    return Math.log(Math.max(value, least) / Math.max(1 - value, least));
  };

  /** Yield [start, end, weight] of each token that is explained: how many nats of log-odds the label loses without it. */
  function* explanation({ text, probabilities: before, isFirst, label }) {
    const about = positive ?? label, places = read.spans(text, settings.max_sequence_length + 1);
    const count = Math.min(places.length, settings.max_sequence_length);
    for (const [start, end] of places.slice(0, Math.min(count, Math.max(1, Math.floor(WORK / Math.max(1, count)))))) {
      const without = answered(`${text.slice(0, start)} ${text.slice(end)}`, isFirst ? ALWAYS : NEVER).probabilities;
      yield [start, end, rounded(odds(before[about]) - odds(without[about]), digits)];
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

/** Return the answer's label, and of two the probability of the positive one beside the threshold that it must reach. */
function verdict({ settings: { labels }, positive, threshold }, { label, probabilities, isSure }) {
  const name = element("bdi", isSure ? labels[label] : UNSURE, "label");
  if (positive === null) return [name];
  const beside = element("small", " P(");
  beside.append(element("bdi", labels[positive]), `) ${percent(probabilities[positive])}, threshold ${percent(threshold)}`);
  return [name, beside];
}

/** Return a line for each label, by falling probability. */
function ranking(labels, likely) {
  const order = labels.map((_, number) => number).sort((a, b) => likely[b] - likely[a]);
  return order.map((number) => {
    const line = element("li", ""), bar = element("progress", "");
    bar.value = likely[number];
    bar.ariaHidden = "true";
    line.append(element("bdi", labels[number], "label"), element("span", percent(likely[number])), bar);
    return line;
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

const show = (name, ...content) => byId(name).replaceChildren(...content);
const pause = (milliseconds) => new Promise((go) => { setTimeout(go, milliseconds); });

/** Show a text with its tokens on their colours, and the strongest with their weights. */
function showExplanation(text, explained, about) {
  show("try-pieces", ...pieces(text, explained));
  show("try-strongest", ...strongest(text, explained));
  show("try-about", element("bdi", about));
}

/** Call `done` with the whole explanation of an answer, unless another key comes before. */
async function explainLater(tokens, isLatest, done) {
  const explained = [];
  await pause(PAUSE);
  for (let since = performance.now(); isLatest();) {
    const { value, done: atEnd } = tokens.next();
    if (atEnd) return done(explained);
    explained.push(value);
    if (performance.now() - since > FRAME) {
      await pause(0);
      since = performance.now();
    }
  }
}

/** Answer what is typed at each key, and explain the answer when the keys rest. */
function answerKeys(model) {
  const { answer, explanation } = classifier(model), { labels } = model.settings, box = byId("message");
  let latest = 0;
  function update() {
    const turn = ++latest, found = answer(box.value);
    byId("try-answer").hidden = box.value === "";
    if (box.value === "") return;
    show("try-label", ...verdict(model, found));
    show("try-labels", ...(model.positive === null ? ranking(labels, found.probabilities) : []));
    show("try-pieces", found.text);
    const about = labels[model.positive ?? found.label];
    explainLater(explanation(found), () => turn === latest, (explained) => showExplanation(found.text, explained, about));
  }
  box.addEventListener("input", update);
  update();
}

/** Begin to answer with the model of report/try/model.js, which calls this. */
function begin(model) {
  try {
    if (model.record !== data.record) throw new Error("the folder try is that of another page");
    answerKeys(model);
    show("try-state");
  } catch (error) {
    show("try-state", `The model cannot answer here: ${error.message}.`);
  }
}
