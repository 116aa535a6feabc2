"use strict";
// A text as what the graph reads, in plain JavaScript: as textrnn/text/ and textrnn/inference/inputs.py make it.
//
// A browser knows other characters than Python does, so the patterns and the tables of case come from Python, by
// textrnn/report/patterns.py. `limits` are the constants of those modules.

const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? (byte >>> 1) ^ 0xedb88320 : byte >>> 1;
  return byte;
});
const utf8 = (text) => new TextEncoder().encode(text);

/** Return the register of a CRC-32 after some bytes; it begins with all bits set, and the hash is its inverse. */
function crc(register, bytes, start, end) {
  for (let place = start; place < end; place++) register = CRC[(register ^ bytes[place]) & 255] ^ (register >>> 8);
  return register;
}

function hashed(name) {
  const bytes = utf8(name);
  return ~crc(-1, bytes, 0, bytes.length) >>> 0;
}

/** Return what reads texts for a model: `normalised`, `spans`, `inputs`. */
function reader(model) {
  const { settings, limits } = model;
  const find = Object.fromEntries(Object.entries(model.patterns).map(([name, pattern]) => [name, new RegExp(pattern, "gu")]));
  const words = new Map(model.vocabulary.map((token, number) => [token, number + 1]));
  const [lowered, folded, lookalikes] = [model.cases.lower, model.cases.folded, model.lookalikes]
    .map((table) => new Map(Object.entries(table)));
  const changed = (text, table) => Array.from(text, (letter) => table.get(letter) ?? letter).join("");
  const lower = (text) => changed(text.replace(find.sigma, "\u03c2"), lowered);
  const has = (text, pattern) => text.search(pattern) >= 0;
  const first = (text, count) => Array.from(text.slice(0, 2 * count)).slice(0, count).join("");  // characters, not units

  /** Return a text with Latin letters for their look-alikes, as textrnn/text/lookalikes.py does. */
  function unmasked(text) {
    const runs = text.match(find.alphabets) ?? [];
    const genuine = runs.filter((run) => has(run, find.genuine)).length;
    const mixed = runs.filter((run) => has(run, find.latin) && has(run, find.lookalike) && !has(run, find.genuine)).length;
    const latin = (run) => (has(run, find.genuine) ? run : changed(run, lookalikes));
    return (mixed > genuine ? text.replace(find.alphabets, latin) : text).replace(find.hidden, "");
  }

  function normalised(text) {
    let line = text.toWellFormed().replace(/\r\n|\n|\r/g, " ");
    if (settings.normalisation.unicode !== "none") line = line.normalize(settings.normalisation.unicode);
    if (settings.normalisation.fold_lookalikes) line = unmasked(line);
    if (settings.normalisation.ascii_only) line = line.replace(/[^\0-\x7f]/g, "");
    if (find.removed) line = line.replace(find.removed, "");
    return settings.normalisation.lowercase ? lower(line) : line;
  }

  /** Return where each token begins and ends, of at most `most` tokens. */
  function spans(text, most) {
    const found = [];
    for (const match of text.matchAll(find.tokens)) {
      if (found.length === most) break;
      found.push([match.index, match.index + match[0].length]);
    }
    return found;
  }

  /** Return a number with its digits masked, as the tokenizer `rich` does; other tokens as they are. */
  function masked(token) {
    const digits = Array.from(token);
    if (settings.tokenizer === "word" || digits.length === 1 || token.replace(find.digits, "")) return token;
    const kept = digits.length >= 5 ? 2 : 0;
    return digits.map((digit, place) => (place < kept ? digit : "0")).join("");
  }

  function caseOf(token) {
    if (has(token, find.capital) && !has(token, find.small)) return Array.from(token).length > 1 ? "upper" : "letter";
    return token.search(find.capital) === 0 ? "title" : "lower";
  }

  /** Return the hashed subwords of a token, from 1. */
  function features(token) {
    const shape = Array.from(token.replace(find.letters, "a").replace(find.digits, "0")).slice(0, 8).join("");
    const word = Array.from(`<${changed(token, folded)}>`);
    const names = [`word ${token}`, `case ${caseOf(token)}`, `shape ${shape}`, word.join("")];
    for (let size = limits.shortest_subword; size <= limits.longest_subword; size++) {
      for (let start = 0; start + size <= word.length && names.length < limits.subwords; start++) {
        names.push(word.slice(start, start + size).join(""));
      }
    }
    return names.slice(0, limits.subwords).map((name) => 1 + (hashed(name) % settings.subword_buckets));
  }

  /** Return the hashes of a text's n-grams of characters, those that come again too. */
  function characterGrams(text) {
    const bytes = utf8(text), starts = [];
    bytes.forEach((byte, place) => { if ((byte & 0xc0) !== 0x80) starts.push(place); });
    starts.push(bytes.length);
    const found = [];
    for (let start = 0; start + 1 < starts.length; start++) {
      let register = -1;
      for (let end = start + 1; end < starts.length && end <= start + limits.longest_ngram; end++) {
        register = crc(register, bytes, starts[end - 1], starts[end]);
        found.push(~register >>> 0);
      }
    }
    return found;
  }

  /** Return the hashes of a text's words, and of the pairs of neighbours among them. */
  function wordGrams(text) {
    const found = text.match(find.words) ?? [];
    return [...found.map((word) => hashed(`1\t${word}`)), ...found.slice(1).map((word, place) => hashed(`2\t${found[place]} ${word}`))];
  }

  /** Return the graph's inputs for n-grams of one source: the places of known ones, from 1, and what their counts make. */
  function ofGrams(known, hashes) {
    const counts = new Map();
    for (const hash of hashes) {
      const place = found(known, hash);
      if (place >= 0) counts.set(place + 1, (counts.get(place + 1) ?? 0) + 1);
    }
    const dims = [1, Math.max(1, counts.size)];  // an axis without elements has no sum
    const [places, frequencies] = [new Int32Array(dims[1]), new Float32Array(dims[1])];
    places.set([...counts.keys()]);
    frequencies.set(Array.from(counts.values(), (count) => rounded(1 + Math.log(count), model.digits)));
    return [{ dims, data: places }, { dims, data: frequencies }];
  }

  function linearInputs(text) {
    const line = lower(first(text, limits.characters)).replace(find.space, " ");
    const [characters, characterCounts] = ofGrams(model.ngrams.characters, characterGrams(line));
    const [ofWords, wordCounts] = ofGrams(model.ngrams.words, wordGrams(line));
    const size = Math.log1p(Math.min(Array.from(text.slice(0, 2 * limits.size)).length, limits.size));
    return { "characters.ngrams": characters, "characters.frequencies": characterCounts, "words.ngrams": ofWords,
      "words.frequencies": wordCounts, size: { dims: [1, 1], data: Float32Array.of(size) } };
  }

  function networkInputs(text) {
    const row = spans(text, settings.max_sequence_length).map(([start, end]) => masked(text.slice(start, end)));
    const distinct = [...new Set(row)];
    const subwords = settings.subword_buckets ? distinct.map(features) : [];
    const width = Math.max(1, ...subwords.map((one) => one.length));
    const table = new Int32Array((distinct.length + 1) * width);  // its first row is the padding's, without features
    subwords.forEach((one, number) => table.set(one, (number + 1) * width));
    const length = settings.masking ? Math.max(1, row.length) : settings.max_sequence_length;
    const places = new Int32Array(length);
    const numbers = new Map(distinct.map((token, number) => [token, number + 1]));
    places.set(row.map((token) => numbers.get(token)));
    return {
      word_ids: { dims: [distinct.length + 1], data: Int32Array.of(0, ...distinct.map((token) => words.get(token) ?? 0)) },
      subwords: { dims: [distinct.length + 1, width], data: table },
      seen: { dims: [0, 0], data: new Float32Array() },
      places: { dims: [1, length], data: places },
      lengths: { dims: [1], data: Int32Array.of(length) },
    };
  }

  /** Return the inputs of a graph that a text has which `normalised` returned. */
  function inputs(text, graph) {
    return { ...(graph.inputs.includes("places") && networkInputs(text)), ...(graph.inputs.includes("words.ngrams") && linearInputs(text)) };
  }

  return { normalised, spans, inputs };
}

/** Return where a number stands in an array in order; -1 if it does not. */
function found(sorted, number) {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle] < number) low = middle + 1;
    else high = middle;
  }
  return sorted[low] === number ? low : -1;
}

/** Return a number rounded as NumPy rounds it: a half to the even side. */
function rounded(value, digits) {
  const scale = 10 ** digits, whole = Math.round(value * scale);
  return (whole - (whole - value * scale === 0.5 && whole % 2 !== 0 ? 1 : 0)) / scale;
}
