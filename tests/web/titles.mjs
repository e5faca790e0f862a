// The words of templates in Chinese: `node --test tests/web/titles.mjs`.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { translate, translation } from "../../web/js/titles/words.js";

const FOLDER = new URL("../../workflows/", import.meta.url);
const GRAPHS = readdirSync(FOLDER).filter((name) => name.endsWith(".json"))
  .map((name) => [name, JSON.parse(readFileSync(new URL(name, FOLDER), "utf8"))]);
const CHINESE = /[\u4e00-\u9fff]/, NAMES = ["VAE", "Wan VACE"]; // the same in both languages

const opened = (graph) => [
  graph.nodes.map((node) => ({ title: node.title, type: node.type, widgets: node.widgets_values.map((value) => ({ value })) })),
  graph.groups.map(({ title }) => ({ title })),
];

test("every title, group and note of every template is Chinese where the editor is, and English again after it", () => {
  const missed = [];
  for (const [name, graph] of GRAPHS) {
    const [nodes, groups] = opened(graph);
    translate(nodes, groups, "zh-TW");
    const notes = nodes.filter((node) => node.type === "MarkdownNote").map((node) => node.widgets[0].value);
    for (const text of [...nodes.map((node) => node.title), ...groups.map((group) => group.title), ...notes])
      if (!CHINESE.test(text) && !NAMES.includes(text)) missed.push(`${name}: ${text.slice(0, 60)}`);
    translate(nodes, groups, "en");
    assert.deepEqual([nodes, groups], opened(graph), name);
  }
  assert.deepEqual(missed, []);
});

test("what is somebody's own stays as it is", () => {
  const nodes = [{ title: "My clip", type: "VDTEncode" }, { title: "", type: "X" }, { type: "MarkdownNote", widgets: [{ value: "mine" }] }];
  const groups = [{ title: "Group" }], before = structuredClone([nodes, groups]);
  translate(nodes, groups, "zh");
  assert.deepEqual([nodes, groups], before);
  assert.equal(translation("fr").title("Clip"), "Clip");
});
