"use strict";
// A graph of ONNX in plain JavaScript: a reader of its bytes, and the operators that textrnn/model/export.py writes.
//
// A tensor is { dims, data }. Numbers are computed as float64, and rounded where an array of float32 keeps them.
// Operators: https://onnx.ai/onnx/operators/. To add one, give OPERATORS a function of its inputs and attributes.

const KINDS = { 1: Float32Array, 2: Uint8Array, 3: Int8Array, 6: Int32Array, 7: BigInt64Array, 9: Uint8Array };
const FLOAT = 1;

// The reader

/** Return the number that begins at a place of the bytes, seven bits a byte, and the place after it. */
function varint(bytes, place) {
  let number = 0n;
  for (let shift = 0n; ; shift += 7n) {
    const byte = bytes[place++];
    number |= BigInt(byte & 127) << shift;
    if (byte < 128) return [Number(BigInt.asIntN(64, number)), place];
  }
}

/** Return the values of each field of a protobuf message, by its number: numbers, or the bytes of other values. */
function fields(bytes) {
  const found = {};
  for (let place = 0, key, value; place < bytes.length;) {
    [key, place] = varint(bytes, place);
    const kind = key & 7;
    if (kind === 0) [value, place] = varint(bytes, place);
    else {
      let length = kind === 1 ? 8 : 4;
      if (kind === 2) [length, place] = varint(bytes, place);
      value = bytes.subarray(place, place += length);
    }
    (found[key >> 3] ??= []).push(value);
  }
  return found;
}

const textOf = (bytes) => new TextDecoder().decode(bytes);

/** Return the name and the value of an attribute of a node. */
function attribute(bytes) {
  const { 1: [name], 2: real, 3: whole, 4: text, 8: several } = fields(bytes);
  const number = real && new DataView(real[0].buffer, real[0].byteOffset).getFloat32(0, true);
  return [textOf(name), several ?? (whole ? whole[0] : text ? textOf(text[0]) : number)];
}

function nodeOf(bytes) {
  const { 1: inputs = [], 2: outputs, 4: [operator], 5: attributes = [] } = fields(bytes);
  return { inputs: inputs.map(textOf), outputs: outputs.map(textOf), operator: textOf(operator),
    attributes: Object.fromEntries(attributes.map(attribute)) };
}

/** Return the name and the tensor of a constant. */
function constant(bytes) {
  const { 1: dims = [], 2: [kind], 8: [name], 9: [raw] = [new Uint8Array()] } = fields(bytes);
  const data = new KINDS[kind](raw.slice().buffer);  // a copy begins where an array may begin
  return [textOf(name), { dims, data: data instanceof BigInt64Array ? Float64Array.from(data, Number) : data }];
}

/** Return the graph of a model of ONNX: the names of its inputs, its constants by name, and its nodes in order. */
function graphOf(bytes) {
  const { 1: nodes, 5: constants, 11: inputs } = fields(fields(bytes)[7][0]);
  const graph = { inputs: inputs.map((input) => textOf(fields(input)[1][0])), nodes: nodes.map(nodeOf),
    constants: Object.fromEntries(constants.map(constant)) };
  const unknown = graph.nodes.find((node) => !(node.operator in OPERATORS));
  if (unknown) throw new Error(`this page cannot compute ${unknown.operator}`);
  return graph;
}

/** Return all tensors of the graph by name, given its inputs. */
function run(graph, given) {
  const values = { ...graph.constants, ...given };
  for (const node of graph.nodes) {
    const found = OPERATORS[node.operator](node.inputs.map((name) => values[name]), node.attributes);
    node.outputs.forEach((name, number) => { values[name] = [found].flat()[number]; });
  }
  return values;
}

// Shapes

const sizeOf = (dims) => dims.reduce((product, size) => product * size, 1);
const tensor = (dims, data) => ({ dims, data });
const sameKind = (data, length) => new data.constructor(length);
/** Return the numbers of elements before an axis, along it, and after it. */
const around = (dims, axis) => [sizeOf(dims.slice(0, axis)), dims[axis], sizeOf(dims.slice(axis + 1))];

/** Return how far apart neighbours along each axis of `wanted` lie in a tensor; 0 where it is repeated. */
function strides(dims, wanted = dims) {
  const found = wanted.map(() => 0);
  for (let axis = dims.length - 1, step = 1; axis >= 0; step *= dims[axis--]) {
    if (dims[axis] > 1) found[axis + wanted.length - dims.length] = step;
  }
  return found;
}

/** Call `visit` with the number of each element of a shape, in order, and where it lies by each list of strides. */
function walk(dims, steps, visit) {
  const places = steps.map(() => 0), at = dims.map(() => 0), count = sizeOf(dims);
  for (let number = 0; number < count; number++) {
    visit(number, places[0], places[1], places[2]);
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      const back = ++at[axis] === dims[axis] ? dims[axis] : 0;
      for (let one = 0; one < steps.length; one++) places[one] += steps[one][axis] * (1 - back);
      if (!back) break;
      at[axis] = 0;
    }
  }
}

/** Return the shape that tensors have together, as NumPy broadcasts them. */
function broadcast(...tensors) {
  const rank = Math.max(...tensors.map(({ dims }) => dims.length));
  const padded = tensors.map(({ dims }) => [...Array(rank - dims.length).fill(1), ...dims]);
  return padded[0].map((_, axis) => {
    const sizes = padded.map((dims) => dims[axis]);
    return sizes.includes(0) ? 0 : Math.max(...sizes);
  });
}

// Element by element

const each = (change) => ([{ dims, data }]) => tensor(dims, data.map(change));

/** Return an operator of two tensors, or of more, which are combined one after the other. */
function elementwise(combine, Kind) {
  const two = (one, other) => {
    const dims = broadcast(one, other), data = new (Kind ?? one.data.constructor)(sizeOf(dims));
    walk(dims, [strides(one.dims, dims), strides(other.dims, dims)], (number, a, b) => {
      data[number] = combine(one.data[a], other.data[b]);
    });
    return tensor(dims, data);
  };
  return (tensors) => tensors.reduce(two);
}

function where([condition, one, other]) {
  const dims = broadcast(condition, one, other), data = sameKind(one.data, sizeOf(dims));
  const steps = [condition, one, other].map((input) => strides(input.dims, dims));
  walk(dims, steps, (number, which, a, b) => { data[number] = condition.data[which] ? one.data[a] : other.data[b]; });
  return tensor(dims, data);
}

const add = elementwise((a, b) => a + b);

// Along axes

/** Return an operator that makes one number of all numbers along an axis. */
function reduction(start, combine, finish = (total) => total) {
  return ([input, given], { axes: [axis] = given.data, keepdims = 1 }) => {
    const [before, length, after] = around(input.dims, axis);
    const totals = new Float64Array(before * after).fill(start);
    for (let number = 0, place = 0; number < before * length; number++) {
      const first = Math.floor(number / length) * after;
      for (let to = first; to < first + after; to++) totals[to] = combine(totals[to], input.data[place++]);
    }
    return tensor(input.dims.toSpliced(axis, 1, ...(keepdims ? [1] : [])), sameKind(input.data, totals.length).map((_, place) => finish(totals[place])));
  };
}

function softmax([input]) {
  const data = new Float32Array(input.data.length), width = input.dims.at(-1);
  for (let start = 0; start < data.length; start += width) {
    const row = input.data.subarray(start, start + width), most = Math.max(...row);
    const powers = Array.from(row, (value) => Math.exp(value - most));
    const total = powers.reduce((sum, power) => sum + power, 0);
    powers.forEach((power, place) => { data[start + place] = power / total; });
  }
  return tensor(input.dims, data);
}

// Parts and their order

/** Return the rows of a table that are named. */
function gather([table, places]) {
  const row = sizeOf(table.dims.slice(1)), data = sameKind(table.data, places.data.length * row);
  places.data.forEach((from, to) => data.set(table.data.subarray(from * row, (from + 1) * row), to * row));
  return tensor([...places.dims, ...table.dims.slice(1)], data);
}

function concat(inputs, { axis }) {
  const some = inputs.filter(({ data }) => data.length);
  const dims = [...some[0].dims], before = sizeOf(dims.slice(0, axis));
  dims[axis] = some.reduce((total, input) => total + input.dims[axis], 0);
  const data = sameKind(some[0].data, sizeOf(dims));
  for (let number = 0, to = 0; number < before; number++) {
    for (const input of some) {
      const length = input.data.length / before;
      data.set(input.data.subarray(number * length, (number + 1) * length), to);
      to += length;
    }
  }
  return tensor(dims, data);
}

function split([input, sizes], { axis }) {
  const before = sizeOf(input.dims.slice(0, axis)), after = sizeOf(input.dims.slice(axis + 1));
  let from = 0;
  return Array.from(sizes.data, (size) => {
    const data = sameKind(input.data, before * size * after), start = from;
    for (let number = 0; number < before; number++) {
      const first = (number * input.dims[axis] + start) * after;
      data.set(input.data.subarray(first, first + size * after), number * size * after);
    }
    from += size;
    return tensor(input.dims.with(axis, size), data);
  });
}

function transpose([input], { perm }) {
  const dims = perm.map((axis) => input.dims[axis]), steps = strides(input.dims), data = sameKind(input.data, input.data.length);
  walk(dims, [perm.map((axis) => steps[axis])], (number, place) => { data[number] = input.data[place]; });
  return tensor(dims, data);
}

function reshape([input, shape]) {
  const dims = Array.from(shape.data, (size, axis) => (size === 0 ? input.dims[axis] : size));
  const known = sizeOf(dims.filter((size) => size >= 0));
  return tensor(dims.map((size) => (size < 0 ? input.data.length / known : size)), input.data);
}

function unsqueeze([input, axes]) {
  const dims = [...input.dims], rank = dims.length + axes.data.length;
  Array.from(axes.data, (axis) => (axis < 0 ? axis + rank : axis)).sort((a, b) => a - b)
    .forEach((axis) => dims.splice(axis, 0, 1));
  return tensor(dims, input.data);
}

function cast([input], { to }) {
  return tensor(input.dims, KINDS[to] === BigInt64Array ? Float64Array.from(input.data) : KINDS[to].from(input.data));
}

function range([{ data: [start] }, { data: [limit] }, { data: [step] }]) {
  const data = Float64Array.from({ length: Math.max(0, Math.ceil((limit - start) / step)) }, (_, n) => start + n * step);
  return tensor([data.length], data);
}

// Matrices and recurrent layers

function gemm([one, other, bias]) {
  const [rows, inner] = one.dims, columns = other.dims[1], totals = new Float64Array(rows * columns);
  walk([rows, columns, inner], [[inner, 0, 1], [0, 1, columns], [columns, 1, 0]], (_, a, b, to) => {
    totals[to] += one.data[a] * other.data[b];
  });
  return add([tensor([rows, columns], Float32Array.from(totals)), bias]);
}

/** Write a matrix times a vector, plus a bias, into `result`. */
function affine(matrix, vector, bias, result) {
  const width = vector.length, fours = width - (width % 4);
  for (let row = 0, place = 0; row < result.length; row++) {
    let one = bias[row], two = 0, three = 0, four = 0;  // of four sums, none waits for the last addition
    let column = 0;
    for (; column < fours; column += 4, place += 4) {
      one += matrix[place] * vector[column];
      two += matrix[place + 1] * vector[column + 1];
      three += matrix[place + 2] * vector[column + 2];
      four += matrix[place + 3] * vector[column + 3];
    }
    for (; column < width; column++) one += matrix[place++] * vector[column];
    result[row] = one + two + three + four;
  }
}

const sigmoid = (value) => 1 / (1 + Math.exp(-value));

// What a cell makes of its state: from the sums over the input and over the state, gate after gate. An LSTM has a memory.
const CELLS = {
  RNN(read, own, units, state) {
    for (let unit = 0; unit < units; unit++) state[unit] = Math.tanh(read[unit] + own[unit]);
  },
  GRU(read, own, units, state) {
    for (let unit = 0; unit < units; unit++) {
      const [reset, candidate] = [unit + units, unit + 2 * units];
      const keep = sigmoid(read[unit] + own[unit]);
      const fresh = Math.tanh(read[candidate] + sigmoid(read[reset] + own[reset]) * own[candidate]);
      state[unit] = (1 - keep) * fresh + keep * state[unit];
    }
  },
  LSTM(read, own, units, state, memory) {
    for (let unit = 0; unit < units; unit++) {
      const [input, output, forget, candidate] = [0, 1, 2, 3].map((gate) => read[unit + gate * units] + own[unit + gate * units]);
      memory[unit] = sigmoid(forget) * memory[unit] + sigmoid(input) * Math.tanh(candidate);
      state[unit] = sigmoid(output) * Math.tanh(memory[unit]);
    }
  },
};

/** Return an operator of recurrent layers: states (time, directions, batch, units), and the last ones without time. */
function recurrent(cell) {
  return ([input, w, r, b, lengths], { hidden_size: units }) => {
    const [time, batch, width] = input.dims, [directions, rows] = w.dims;
    const states = new Float32Array(time * directions * batch * units), last = new Float32Array(directions * batch * units);
    const [read, own] = [new Float32Array(rows), new Float32Array(rows)];
    const part = (array, number, length) => array.subarray(number * length, (number + 1) * length);
    for (let one = 0; one < directions * batch; one++) {
      const [direction, row] = [Math.floor(one / batch), one % batch];
      const [matrix, inner] = [part(w.data, direction, rows * width), part(r.data, direction, rows * units)];
      const [bias, ownBias] = [part(b.data, 2 * direction, rows), part(b.data, 2 * direction + 1, rows)];
      const state = part(last, one, units), memory = new Float32Array(units);
      const steps = lengths ? lengths.data[row] : time;
      for (let count = 0; count < steps; count++) {
        const step = direction ? steps - 1 - count : count;  // the second direction reads from the end
        affine(matrix, part(input.data, step * batch + row, width), bias, read);
        affine(inner, state, ownBias, own);
        cell(read, own, units, state, memory);
        states.set(state, ((step * directions + direction) * batch + row) * units);
      }
    }
    return [tensor([time, directions, batch, units], states), tensor([directions, batch, units], last)];
  };
}

const OPERATORS = {
  Add: add, Sum: add, Cast: cast, Concat: concat, Gather: gather, Gemm: gemm, Range: range,
  Reshape: reshape, Softmax: softmax, Split: split, Transpose: transpose, Unsqueeze: unsqueeze, Where: where,
  Div: elementwise((a, b) => a / b),
  Less: elementwise((a, b) => a < b, Uint8Array),
  Max: elementwise(Math.max),
  Mul: elementwise((a, b) => a * b),
  ReduceL2: reduction(0, (total, value) => total + value * value, Math.sqrt),
  ReduceMax: reduction(-Infinity, Math.max),
  ReduceSum: reduction(0, (total, value) => total + value),
  Shape: ([{ dims }]) => tensor([dims.length], Float64Array.from(dims)),
  Sign: each(Math.sign),
  Sqrt: each(Math.sqrt),
  GRU: recurrent(CELLS.GRU), LSTM: recurrent(CELLS.LSTM), RNN: recurrent(CELLS.RNN),
};
