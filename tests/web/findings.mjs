// What the check of a graph says on nodes of ours: `node --test tests/web/findings.mjs`.
import assert from "node:assert/strict";
import { test } from "node:test";
import { sentencesOf } from "../../web/js/findings/sentences.js";

const said = { type: "custom_validation_failed", message: "Custom validation failed for node" };
const own = (name, details) => ({ ...said, details: `${name} - ${details}`, extra_info: { input_name: name } });
const plain = (details) => ({ ...said, details, extra_info: {} }); // as the studio says it
const errors = {
  6: { class_type: "VDTMask", errors: [own("task", "'last' in frame list - no"), own("known", "'last' in frame list - no"), plain("'last' in frame list - no")] },
  "8:2": { class_type: "VDTEncode", errors: [own("length", "one"), own("start", "two"), { type: "required_input_missing", details: "vae" }] },
  9: { class_type: "KSampler", errors: [own("seed", "of another")] },
  10: { class_type: "VDTDecode", errors: [{ type: "required_input_missing", details: "vae" }] },
};

test("a node's own sentences are taken once, without the inputs that hosts put before them", () => {
  assert.deepEqual(sentencesOf(errors), [["6", "'last' in frame list - no"], ["8:2", "one\ntwo"]]);
});

test("a graph without mistakes has none", () => {
  for (const none of [undefined, null, {}]) assert.deepEqual(sentencesOf(none), []);
});
