"""Every template at 1440x900, in both renderers: it opens legibly, nothing overlaps, no wire runs behind a node."""

import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(1800)]

TEMPLATES = sorted(path.stem for path in (Path(__file__).parents[2] / "workflows").glob("*.json"))
SHOTS = Path(__file__).parents[2] / "output" / "browser"  # ignored by git; kept to be looked at
SMALLEST_ZOOM = 0.59  # the classic renderer draws no text below 0.57
WINDOW = {"width": 1440, "height": 900, "deviceScaleFactor": 1, "mobile": False}
# As the dialog of templates opens one: fitted to the window. Nodes of Nodes 2.0 grow, so what is drawn is measured.
OPEN = """
const [graph, name, done] = arguments, {app} = window;
app.loadGraphData(graph, true, true, name, {openSource: 'template'}).then(() => setTimeout(done, 1500));
"""
MEASURE = """
const {graph, canvas} = window.app, scale = canvas.ds.scale, title = LiteGraph.NODE_TITLE_HEIGHT;
const boxes = graph._nodes.map(node => {
  const drawn = document.querySelector(`[data-node-id='${node.id}']`)?.getBoundingClientRect();
  const height = Math.max(node.size[1] + title, drawn ? drawn.height / scale : 0);
  const width = Math.max(node.size[0], drawn ? drawn.width / scale : 0);
  return {id: node.id, name: node.type, left: node.pos[0], top: node.pos[1] - title, width, height};
});
const overlaps = [], hidden = [], outside = [];
for (const a of boxes) for (const b of boxes)
  if (a.id < b.id && a.left < b.left + b.width && b.left < a.left + a.width
      && a.top < b.top + b.height && b.top < a.top + a.height) overlaps.push([a.name, b.name]);
for (const node of boxes) {
  const holds = graph._groups.some(({pos, size}) => pos[0] <= node.left && node.left + node.width <= pos[0] + size[0]
    && pos[1] <= node.top && node.top + node.height <= pos[1] + size[1]);
  if (!holds) outside.push(node.name);
}
const context = document.createElement('canvas').getContext('2d'), inset = 16;
context.lineWidth = 4;
const edge = box => { // a wire that runs behind a node crosses this
  const made = [], [right, bottom] = [box.left + box.width - inset, box.top + box.height - inset];
  for (let x = box.left + inset; x <= right; x += 3) made.push([x, box.top + inset], [x, bottom]);
  for (let y = box.top + inset; y <= bottom; y += 3) made.push([box.left + inset, y], [right, y]);
  return made;
};
let paths = 0;
const edges = boxes.map(box => [box, edge(box)]);
const check = (path, name) => {
  if (!path) return;
  paths++;
  for (const [box, points] of edges)
    if (points.some(([x, y]) => context.isPointInStroke(path, x, y))) hidden.push([name, box.name]);
};
for (const [id, link] of graph.links) check(link.path, `wire ${id}`);
for (const [id, reroute] of graph.reroutes) check(reroute.path, `bend ${id}`);
return {scale, overlaps, hidden, outside, paths, wires: graph.links.size};
"""


@pytest.mark.parametrize("renderer", ["classic", "vue"])
def test_templates_open_legibly(editor, renderer):
    editor.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", WINDOW)
    SHOTS.mkdir(parents=True, exist_ok=True)
    wrong = {}
    try:
        editor.open("predict", renderer)
        for name in TEMPLATES:
            graph = editor.host.request(f"/api/workflow_templates/{editor.host.pack}/{name}.json")
            editor.driver.execute_async_script(OPEN, graph, name)
            time.sleep(0.5)  # it is drawn
            found = editor.run(MEASURE)
            editor.driver.save_screenshot(str(SHOTS / f"template_{name}_{renderer}.png"))
            assert found["paths"] >= found["wires"] > 0, name  # else nothing was drawn, and nothing measured
            bad = {what: found[what] for what in ("overlaps", "hidden", "outside") if found[what]}
            if found["scale"] < SMALLEST_ZOOM:
                bad["zoom"] = found["scale"]
            if bad:
                wrong[name] = bad
    finally:
        editor.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert wrong == {}


@pytest.mark.parametrize("renderer", ["classic", "vue"])
def test_a_template_speaks_chinese(editor, renderer):
    editor.host.request("/settings/Comfy.Locale", "zh")
    try:
        editor.open("predict", renderer)
        titles = lambda: editor.run("return window.app.graph._nodes.map(n => n.title)")  # noqa: E731
        editor.until(lambda: "片段" in titles(), "Chinese titles", 20)
        assert not [title for title in titles() if title.isascii() and title != "VAE"]
        groups = editor.run("return window.app.graph._groups.map(g => g.title)")
        note = editor.run("return window.app.graph._nodes.find(n => n.type === 'MarkdownNote').widgets[0].value")
        assert groups == ["来源", "遮罩", "生成", "结果"] and note.startswith("## 接下来发生什么")
        editor.driver.save_screenshot(str(SHOTS / f"template_chinese_{renderer}.png"))
    finally:
        editor.host.request("/settings/Comfy.Locale", "en")
