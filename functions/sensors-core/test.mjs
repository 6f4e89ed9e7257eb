// The core module in a JavaScript host, with nothing but the language.
//
//   SENSORS_CORE_WASM=path/to/sensors_core.wasm node --test functions/sensors-core/test.mjs

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const path = process.env.SENSORS_CORE_WASM;
assert.ok(path, 'set SENSORS_CORE_WASM to the path of sensors_core.wasm');
const module = new WebAssembly.Module(readFileSync(path));

const READING_BYTES = 24;
const RESULT_BYTES = 24;

const load = () => new WebAssembly.Instance(module, {}).exports;

/** Copies readings and history in, calls, and reads the answer out. */
function judge(wasm, readings, history) {
  const lengths = [RESULT_BYTES, readings.length * READING_BYTES, history.length * 4];
  const pointers = lengths.map((length) => wasm.allocate(length));
  const [result, readingsAt, historyAt] = pointers;
  // Only now: allocating may have grown the memory, which detaches old views.
  const view = new DataView(wasm.memory.buffer);
  readings.forEach((reading, index) => {
    const at = readingsAt + index * READING_BYTES;
    view.setBigUint64(at, BigInt(reading.timestamp ?? 0), true);
    view.setFloat32(at + 8, reading.temperature, true);
    view.setFloat32(at + 12, reading.humidity ?? 0, true);
    view.setFloat32(at + 16, reading.pressure ?? 0, true);
    view.setUint16(at + 20, reading.light_level ?? 0, true);
    view.setUint8(at + 22, reading.motion ? 1 : 0);
  });
  history.forEach((value, index) => view.setFloat32(historyAt + 4 * index, value, true));
  wasm.process_sensor_data(result, readingsAt, readings.length, historyAt, history.length);
  const out = new DataView(wasm.memory.buffer, result, RESULT_BYTES);
  const answer = {
    alertLevel: out.getUint8(0),
    predictions: [4, 8, 12].map((at) => out.getFloat32(at, true)),
    anomalyScore: out.getFloat32(16, true),
    actionRequired: out.getUint8(20) === 1,
    bits: [16, 4, 8, 12].map((at) => out.getUint32(at, true)),
  };
  pointers.forEach((pointer, index) => wasm.deallocate(pointer, lengths[index]));
  return answer;
}

const temperatures = (...values) => values.map((temperature) => ({ temperature }));
const constant = (value, count) => new Array(count).fill(value);

test('the module imports nothing and exports what the documentation says', () => {
  assert.deepEqual(WebAssembly.Module.imports(module), []);
  const names = WebAssembly.Module.exports(module).map(({ name, kind }) => `${kind} ${name}`);
  for (const name of [
    'memory memory', 'function allocate', 'function deallocate', 'function process_sensor_data',
    'function handle_emergency', 'function calculate_anomaly_score',
  ]) assert.ok(names.includes(name), `${name} in ${names}`);
});

test('counts and pointers that can not be trap, and nothing else', () => {
  const bad = [
    (wasm, at) => wasm.process_sensor_data(at, 0, 1, 0, 0),
    (wasm, at) => wasm.process_sensor_data(at, at + 1, 1, 0, 0),
    (wasm, at) => wasm.process_sensor_data(at, at, 0xffffffff, 0, 0),
    (wasm, at) => wasm.process_sensor_data(at, at, -1, 0, 0),
    (wasm, at) => wasm.process_sensor_data(at, at, 1 << 20, 0, 0),
    (wasm, at) => wasm.process_sensor_data(at, 0xfffffff8, 1, 0, 0),
    (wasm, at) => wasm.process_sensor_data(at, 0, 0, at + 2, 1),
    (wasm, at) => wasm.process_sensor_data(at, 0, 0, 0, 5),
    (wasm) => wasm.process_sensor_data(0xfffffffc, 0, 0, 0, 0),
  ];
  for (const call of bad) {
    const wasm = load();
    const at = wasm.allocate(64);
    assert.throws(() => call(wasm, at), WebAssembly.RuntimeError, String(call));
  }
  const wasm = load();
  assert.equal(wasm.allocate(0), 0);
  assert.equal(wasm.allocate(0xffffffff), 0);
  wasm.deallocate(0, 16);
});

test('nothing is normal', () => {
  const answer = judge(load(), [], []);
  assert.equal(answer.alertLevel, 0);
  assert.equal(answer.anomalyScore, 0);
  assert.equal(answer.actionRequired, false);
  assert.deepEqual(answer.predictions, [0, 0, 0]);
});

test('a constant history is defined', () => {
  const wasm = load();
  const calm = judge(wasm, temperatures(20), constant(20, 100));
  assert.deepEqual([calm.alertLevel, calm.anomalyScore], [0, 0]);
  assert.deepEqual(calm.predictions, [20, 20, 20]);
  const leap = judge(wasm, temperatures(35), constant(20, 100));
  assert.ok(leap.anomalyScore > 0.8 && leap.actionRequired, JSON.stringify(leap));
});

test('what is no number is left out', () => {
  const wasm = load();
  for (const wild of [NaN, Infinity, -Infinity]) {
    const only = judge(wasm, temperatures(wild), [wild]);
    assert.deepEqual([only.alertLevel, only.anomalyScore], [0, 0]);
    const among = judge(wasm, temperatures(20, 20.5, wild), [19.5, wild, 20]);
    assert.ok(among.anomalyScore >= 0 && among.anomalyScore <= 1);
    assert.ok(among.predictions.every((value) => value > 19 && value < 21.5));
  }
});

test('thresholds in degrees Celsius', () => {
  const wasm = load();
  for (const [temperature, level] of [[20, 0], [40.5, 1], [-0.5, 1], [50.5, 2], [-10.5, 2]]) {
    assert.equal(judge(wasm, temperatures(temperature), []).alertLevel, level, temperature);
  }
  assert.deepEqual([0, 1, 2, 3, 255].map(wasm.handle_emergency), [0, 0, 1, 0, 0]);
});

test('sessions', () => {
  const wasm = load();
  assert.equal(wasm.calculate_anomaly_score(9, 1, 9), 0);
  assert.ok(wasm.calculate_anomaly_score(40, 300_000, 1) < 0.01);
  assert.ok(wasm.calculate_anomaly_score(200, 60_000, 190) > 0.8);
  assert.ok(wasm.calculate_anomaly_score(100, NaN, 0) === 0);
});

test('a real series gives the same bits as native code', () => {
  const wasm = load();
  const read = (file) => readFileSync(new URL(file, import.meta.url), 'utf8').trim().split('\n').slice(1);
  const values = read('../../examples/sensors/seattle-temps.csv').map((line) => {
    const fahrenheit = Math.fround(Number(line.split(',')[1]));
    return Math.fround(Math.fround(fahrenheit - 32) / Math.fround(1.8));
  });
  const [stride, count] = [97, 200];
  for (let index = stride; index < values.length; index += 4 * stride) {
    values[index - 1] = Math.fround(values[index - 1] + 9);
  }
  const golden = read('golden.csv');
  assert.ok(golden.length > 20);
  for (const line of golden) {
    const [end, level, action, ...bits] = line.split(',').map(Number);
    const from = Math.max(0, end - count);
    const readings = values.slice(from, end).map((temperature, index) => (
      { timestamp: 1_262_304_000 + 3600 * (from + index), temperature }));
    const answer = judge(wasm, readings, values.slice(0, from));
    assert.deepEqual([answer.alertLevel, Number(answer.actionRequired)], [level, action], line);
    assert.deepEqual(answer.bits, bits, line);
  }
});

test('a thousand calls leave the memory as it was', () => {
  const wasm = load();
  const call = () => judge(wasm, temperatures(20, 21, 20), constant(20.5, 300));
  call();
  const before = wasm.memory.buffer.byteLength;
  for (let round = 0; round < 1000; round += 1) call();
  assert.equal(wasm.memory.buffer.byteLength, before);
});
