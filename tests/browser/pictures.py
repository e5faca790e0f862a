"""Draws the nodes for the help pages, as the editor shows them after a run: `python tests/browser/pictures.py URL`.

URL is a running studio; the pictures go to web/docs/<NodeId>.jpg. Names of templates after it draw only their nodes.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from conftest import Host, start_browser
from page import Editor
from timeline_page import TimelinePage

DOCS = Path(__file__).parents[2] / "web" / "docs"
FROM = {  # the template whose run the picture shows; the others have nothing to show but themselves
    "predict": (
        "VDTLoadModel",
        "VDTLoadVAE",
        "VDTSampleClip",
        "VDTEncode",
        "VDTMask",
        "VDTSampler",
        "VDTDecode",
        "VDTReport",
    ),
    "first_last_frame": ("VDTKeyframes",),
    "mixed": ("VDTMaskCombine",),
    "complete_region": ("VDTMaskToControl",),
    "interpolate": ("VDTConditioning", "VDTScene", "VDTTextEncode"),
    "extend": ("VDTExtend", "VDTSaveVideo"),
    "loop": ("VDTConnect",),
    "slow_motion": ("VDTSlowMotion",),
    "outpaint": ("VDTOutpaint",),
}
SHRUNK = ("VDTSampler", "VDTExtend")  # templates leave room for the frames that play while they run
SIZED = {"VDTReport": 860, "VDTSaveVideo": 600}  # so that a plot is seen whole, and no room for upright clips is left
# Alone on an empty place in real size; answers with its box on the page.
ALONE = """
const app = window.app, type = arguments[0];
let node = app.graph._nodes.find(n => n.type === type);
if (!node) {
  node = LiteGraph.createNode(type);
  app.graph.add(node);
  node.setSize([Math.max(240, node.size[0]), node.size[1]]);
}
app.graph._nodes.filter(n => n !== node).forEach(n => { n.pos = [n.pos[0] + 9000, n.pos[1]]; });
node.pos = [0, 0];
app.canvas.deselectAll();
node.title = node.constructor.title; // as a new node is called
app.canvas.links_render_mode = -1; // none of the wires to the others
app.canvas.ds.scale = 1;
app.canvas.ds.offset[0] = 250;
app.canvas.ds.offset[1] = 120;
app.canvas.setDirty(true, true);
const box = app.canvas.canvas.getBoundingClientRect();
return [box.left + 250, box.top + 90, node.size[0], node.size[1] + 30];
"""
MARGIN = 5
FIND = "const n = window.app.graph._nodes.find(n => n.type === arguments[0]);"


def paint(editor):
    """On the mask timeline: an oval that moves and grows over the given frames, and a lasso."""
    editor.run("window.app.graph._nodes.find(n => n.type === 'VDTMask').setSize([380, 740])")
    editor.show("VDTMask")
    page = TimelinePage(editor)
    page.press("poly")
    page.frames(0, 3)
    page.draw((0.1, 0.55), (0.3, 0.5), (0.35, 0.7), (0.2, 0.85), (0.08, 0.75), (0.1, 0.57))
    page.press("oval")
    page.frames(0, 7)
    page.draw((0.6, 0.55), (0.8, 0.75))
    page.press("move")
    page.press("animate")
    page.press("onion")
    page.frame(7)
    page.drag("stage", (0.7, 0.65), (0.45, 0.35))
    page.wait(lambda value: "keys" in value["paint"][1], "a keyframe")
    page.drag("stage", (0.55, 0.45), (0.68, 0.56))
    page.frame(3)


def draw(editor, template, nodes):
    editor.open(template)
    editor.click_run()
    editor.until(lambda: editor.outputs("SaveVideo") or editor.outputs("VDTSaveVideo"), "the run", 120)
    if "VDTMask" in nodes:
        paint(editor)
    for kind in nodes:
        if kind in SHRUNK:
            editor.run(f"{FIND} n.setSize([n.size[0], n.computeSize()[1]])", kind)
        if kind in SIZED:
            editor.run(f"{FIND} n.setSize([n.size[0], arguments[1]])", kind, SIZED[kind])
        left, top, width, height = editor.run(ALONE, kind)
        time.sleep(1.5)
        shot = editor.picture()
        box = (left - MARGIN, top - MARGIN, left + width + MARGIN, top + height + MARGIN)
        shot.crop(tuple(map(round, box))).save(DOCS / f"{kind}.jpg", quality=88)


if __name__ == "__main__":
    driver = start_browser(["--window-size=1600,1400"])
    try:
        host = Host(sys.argv[1], Path(__file__).parents[2].name, is_studio=True)
        for template in sys.argv[2:] or FROM:
            draw(Editor(driver, host), template, FROM[template])
    finally:
        driver.quit()
