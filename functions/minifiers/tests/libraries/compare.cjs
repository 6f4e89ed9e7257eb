// Compares libraries before and after, by parsers that know nothing of those that wrote
// them: `FILE.keep.short` is the same program as FILE, and `FILE.shorten.short` is but for
// names. Style sheets declare the same properties in the same order. Run in the folder
// that has `node_modules`.
"use strict";
const assert = require("node:assert");
const fs = require("node:fs");
const path = require("node:path");
const vm = require("node:vm");
const at = (name) => path.resolve("node_modules", name);
const acorn = require(at("acorn"));
const csstree = require(at("css-tree"));

function parse(text) {
  try {
    return acorn.parse(text, { ecmaVersion: "latest", sourceType: "script" });
  } catch {
    return acorn.parse(text, { ecmaVersion: "latest", sourceType: "module" });
  }
}

// What may be written in two ways is taken for one of them.
function plain(node, names) {
  if (Array.isArray(node)) return node.map((own) => plain(own, names));
  if (node instanceof RegExp || typeof node === "bigint") return String(node);
  if (!node || typeof node !== "object") return node;
  if (node.type === "UnaryExpression" && node.argument.type === "Literal") {
    if (node.operator === "!" && [0, 1].includes(node.argument.value)) {
      return { type: "Literal", value: node.argument.value === 0 };
    }
    if (node.operator === "void") return { type: "Identifier", name: names ? "" : "undefined" };
  }
  if (node.type === "TemplateLiteral" && node.expressions.length === 0) {
    return { type: "Literal", value: node.quasis[0].value.cooked };
  }
  // `a && (b && c)` is `a && b && c`.
  if (node.type === "LogicalExpression") {
    const operands = (own) =>
      own.type === "LogicalExpression" && own.operator === node.operator
        ? [...operands(own.left), ...operands(own.right)]
        : [plain(own, names)];
    return { type: node.operator, operands: operands(node) };
  }
  if (names && node.type === "Identifier") return { type: "Identifier" };
  const left = {};
  for (const key of Object.keys(node).sort()) {
    if (["start", "end", "raw", "directive", "bigint", "shorthand", "regex"].includes(key)) continue;
    left[key] = plain(node[key], names);
  }
  return left;
}

function same(one, other, what) {
  const [a, b] = [JSON.stringify(one), JSON.stringify(other)];
  if (a === b) return;
  let from = 0;
  while (a[from] === b[from]) from++;
  const piece = (text) => text.slice(Math.max(from - 200, 0), from + 200);
  assert.fail(`${what}:\n${piece(a)}\n${piece(b)}`);
}

function declarations(text) {
  const all = [];
  const onParseError = (error) => all.push(`error ${error.message}`);
  const tree = csstree.parse(text, { onParseError, parseValue: false });
  csstree.walk(tree, (node) => {
    if (node.type === "Atrule") all.push(`@${node.name}`);
    if (node.type === "Rule") all.push(`{${node.prelude.children?.size}`);
    if (node.type === "Declaration") all.push(node.property + (node.important ? "!" : ""));
  });
  return all.filter((own) => own !== "@charset");
}

// Within one declaration block what is important may come last: it wins wherever it is.
function sorted(all) {
  return all.join("\n").split("\n{").map((block) => block.split("\n").sort());
}

function run(text) {
  const module = { exports: {} };
  const context = vm.createContext({ module, exports: module.exports });
  vm.runInContext(text, context);
  return module.exports;
}

function uses(library) {
  if (library.parse) {
    const sample = fs.readFileSync(at("jquery/dist/jquery.js"), "utf8");
    return library.parse(sample, { ecmaVersion: 2022, locations: true });
  }
  const words = "the quick brown fox, jumped; over THE lazy-dog".repeat(3);
  const numbers = Array.from({ length: 200 }, (_, at) => (at * 7919) % 1009);
  return [
    Object.keys(library).map((name) => [name, typeof library[name], library[name]?.length]),
    library.chunk(library.sortBy(numbers, (own) => own % 13), 7),
    library.groupBy(library.words(words), "length"),
    library.template("<% for (const a of b) { %>[<%- a %>]<% } %>")({ b: ["<", "&"] }),
    library.camelCase(words), library.deburr("déjà vu"), library.merge({ a: [1] }, { a: [2, 3] }),
    library.curry((a, b, c) => a + b + c)(1)(2)(3), library.cloneDeep(new Map([[1, { a: 2 }]])).size,
    library.isEqual({ a: [1, { b: 2 }] }, { a: [1, { b: 2 }] }), library.truncate(words),
  ];
}

for (const [place, file] of process.argv.slice(2).entries()) {
  const text = fs.readFileSync(at(file), "utf8");
  for (const variant of ["keep", "shorten"]) {
    const short = at(file).replace(/\.\w+$/, `.${variant}.short`);
    if (!fs.existsSync(short)) continue;
    const made = fs.readFileSync(short, "utf8");
    if (file.endsWith(".css")) {
      same(sorted(declarations(text)), sorted(declarations(made)), file);
      continue;
    }
    const names = variant === "shorten";
    same(plain(parse(text), names), plain(parse(made), names), `${file} ${variant}`);
    if (place < 2) same(uses(run(text)), uses(run(made)), `what ${file} does, ${variant}`);
  }
}
