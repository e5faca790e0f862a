"""Seeing it happen: frames while a node samples, the result that plays, and what a person does with it."""

import base64
import io
import json
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(1800)]

RENDERERS = ["classic", "vue"]
SHOTS = Path(__file__).parents[2] / "output" / "browser"  # ignored by git; kept to be looked at
ROOM = """
const [kind, width] = arguments, {graph} = window.app, node = graph._nodes.find(n => n.type === kind);
for (const n of graph._nodes) if (n !== node && n.pos[0] > node.pos[0] - 20) n.pos = [n.pos[0] + 1200, n.pos[1]];
node.setSize([width, node.size[1]]);
"""
# `root`: the player of a class, `found`: a part of it. Looked up and read in one go: an undo replaces both.
ELEMENT = """
const [kind, part] = arguments, {graph} = window.app.canvas, node = graph._nodes.find(n => n.type === kind);
const place = node && (graph === window.app.graph ? node.id : `${graph.id}:${node.id}`);
const root = [...document.querySelectorAll(`.vdt-player[data-node='${place}']`)].find(e => e.isConnected);
const found = (part && root ? root.querySelector(part) : root) || null;
"""
# Which frames a canvas has shown, and for how many different pictures; counted in the page, for previews go quickly.
WATCH = """
window.seenPictures = new Set();
window.watching = setInterval(() => {
  const live = [...document.querySelectorAll('.vdt-live')].find(e => e.style.display === 'flex' && e.isConnected);
  const canvas = live?.querySelector('canvas');
  if (!canvas?.width) return;
  window.seenPictures.add(canvas.toDataURL());
  const stock = [...document.querySelectorAll("[data-testid^='node-body-'] > img")];
  window.stockPreviews = stock.filter(e => e.offsetHeight).length;
}, 40);
"""
# What is saved: the file itself, for a page may not be allowed to read the address of one.
SAVED = """
window.saved = [];
const create = URL.createObjectURL;
URL.createObjectURL = blob => { window.newest = blob; return create.call(URL, blob); };
HTMLAnchorElement.prototype.click = function () { window.saved.push([this.download, window.newest]); };
"""
EXPORTS = {"GIF 512": "GIF89a", "WebP 64": "RIFF", "MP4 64": "ftyp", "png": "PK"}  # and how such files begin
HEAD = "const done = arguments[0]; window.saved.at(-1)[1].slice(0, 16).text().then(done);"
CHECKED = """
const {changeTracker} = window.app.extensionManager.workflow.activeWorkflow;
(changeTracker.captureCanvasState ?? changeTracker.checkState).call(changeTracker);
"""
WIDGETS = (
    "return Object.fromEntries(window.app.graph._nodes.find(n => n.type === '{}').widgets.map(w => [w.name, w.value]))"
)
INTO_SUBGRAPH = """
const {canvas, graph, extensionManager} = window.app;
canvas.deselectAll();
for (const node of graph._nodes) if (['VDTSampler', 'VDTDecode'].includes(node.type)) canvas.select(node);
extensionManager.command.execute('Comfy.Graph.ConvertToSubgraph');
"""
FETCH = """
const [url, done] = arguments;
const text = bytes => [...new Uint8Array(bytes)].map(c => String.fromCharCode(c)).join('');
fetch(url).then(r => r.arrayBuffer()).then(bytes => done(btoa(text(bytes))));
"""


class Player:
    """The player on the node of a class."""

    def __init__(self, editor, kind):
        self.editor, self.kind = editor, kind

    def part(self, selector=None):
        return self.editor.until(lambda: self.read(selector, "found"), f"the player of {self.kind}", 30)

    def read(self, selector, what):
        return self.editor.run(f"{ELEMENT} return {what}", self.kind, selector)

    def stop_at(self, frame):
        """Stop the clip of 16 frames, and show one of them."""
        self.button("play").click()
        self.point(".vdt-strip", (frame + 0.5) / 16, 0.3)
        self.until_frame(frame)

    def button(self, name):
        return self.part(f"[data-vdt={name}]")

    def frame(self):
        return int(self.read(".vdt-strip", "found?.getAttribute('aria-valuenow')") or -1)

    def until_frame(self, frame):
        self.editor.until(lambda: self.frame() == frame, f"frame {frame}", 20)

    def point(self, selector, x, y):
        """Click at a place of a canvas, from 0 to 1."""
        canvas = self.part(selector)
        box = canvas.rect
        moves = ActionChains(self.editor.driver)
        moves.move_to_element_with_offset(canvas, int((x - 0.5) * box["width"]), int((y - 0.5) * box["height"]))
        moves.click().perform()

    def keys(self, *names):
        self.read(None, "found.focus({preventScroll: true})")
        ActionChains(self.editor.driver).send_keys(*names).perform()

    def picture(self):
        """What is on the stage, uint8 (H, W, 3); what is empty is black."""
        data = self.read(".vdt-stage", "found.toDataURL()").partition(",")[2]
        with Image.open(io.BytesIO(base64.b64decode(data))) as image:
            return np.asarray(
                Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image.convert("RGBA"))
            )[..., :3]

    def told(self):
        return self.editor.outputs(self.kind)["vdt_player"][0]

    def sent(self, clip, frame):
        """A frame as the host keeps it, uint8 (H, W, 3)."""
        place = frame % (clip["columns"] * clip["rows"])
        page = bytes_at(self.editor, clip["pages"][frame // (clip["columns"] * clip["rows"])])
        whole = np.asarray(Image.open(io.BytesIO(page)).convert("RGB"))
        top, left = place // clip["columns"] * clip["height"], place % clip["columns"] * clip["width"]
        return whole[top : top + clip["height"], left : left + clip["width"]]

    def choose(self, button, text):
        """An entry of the menu behind a button."""
        self.button(button).click()
        entries = self.editor.until(
            lambda: self.editor.driver.find_elements(By.CSS_SELECTOR, ".litecontextmenu .litemenu-entry"),
            "the menu",
            10,
        )
        (entry,) = [entry for entry in entries if text in entry.text]
        entry.click()

    def says(self, text, seconds=60):
        self.editor.until(
            lambda: text in (self.read("[aria-live]", "found?.textContent") or ""), f"the word {text!r}", seconds
        )


def bytes_at(editor, file):
    query = "&".join(f"{key}={value}" for key, value in file.items())
    return base64.b64decode(editor.driver.execute_async_script(FETCH, f"/view?{query}"))


def run(editor, kind="VDTDecode", seconds=240):
    """Run the graph, and wait for the player and the end."""
    editor.click_run()
    editor.until(lambda: (editor.outputs(kind) or {}).get("vdt_player"), f"the result of {kind}", seconds)
    editor.until(lambda: not editor.host.request("/queue")["queue_running"], "the end of the run", seconds)
    return Player(editor, kind)


def seed():
    return int(time.time() * 10) % 10**9  # hosts are silent about what they have cached


def predicted(editor, renderer):
    """The player of a clip that has just been predicted, in view."""
    editor.open("predict", renderer)
    editor.run(ROOM, "VDTDecode", 420)
    editor.set_widget("VDTSampler", "seed", seed())
    player = run(editor)
    editor.show("VDTDecode")
    return player


def enlarged(stage, frame):
    """The stage's picture where it shows a frame by whole pixels, as that frame; None where it does not."""
    height, width, _ = frame.shape
    factor = min(stage.shape[0] // height, stage.shape[1] // width)
    for wanted in range(factor, 1, -1):
        top, left = (stage.shape[0] - wanted * height) / 2, (stage.shape[1] - wanted * width) / 2
        for y in {int(top), round(top), int(top + 0.999)}:
            for x in {int(left), round(left), int(left + 0.999)}:
                part = stage[y : y + wanted * height, x : x + wanted * width]
                if part.shape == (wanted * height, wanted * width, 3) and np.array_equal(
                    part, part[::wanted, ::wanted].repeat(wanted, 0).repeat(wanted, 1)
                ):
                    return part[::wanted, ::wanted]
    return None


@pytest.mark.parametrize("renderer", RENDERERS)
def test_frames_play_while_sampling_and_nothing_stays(editor, renderer):
    editor.open("predict", renderer)
    editor.set_widget("VDTSampler", "seed", seed())
    editor.set_widget("VDTSampler", "steps", 30)
    editor.show("VDTSampler")
    size = "const n = window.app.graph._nodes.find(n => n.type === 'VDTSampler'); return [...n.size]"
    before = editor.run(size)
    editor.run(WATCH)
    editor.click_run()
    editor.until(lambda: editor.run("return window.seenPictures.size") >= 6, "frames that play", 240)
    editor.driver.save_screenshot(str(SHOTS / f"sampling_{renderer}.png"))
    assert editor.run("return window.stockPreviews") == 0  # not the grid of all frames as well
    editor.until(lambda: editor.outputs("VDTDecode"), "the result", 240)
    hidden = "return [...document.querySelectorAll('.vdt-live')].every(e => e.style.display === 'none')"
    editor.until(lambda: editor.run(hidden), "the end of the preview", 20)
    after = editor.run(size)
    assert abs(after[0] - before[0]) < 2 and after[1] <= before[1] + 2
    editor.until(lambda: Player(editor, "VDTDecode").frame() > 0, "the result that plays", 30)


@pytest.mark.parametrize("renderer", RENDERERS)
def test_the_result_loops_crisply_and_is_led_by_hand(editor, renderer):
    player = predicted(editor, renderer)
    seen = set()
    editor.until(lambda: seen.add(player.frame()) or len(seen) > 4, "frames that pass by themselves", 30)
    player.stop_at(10)
    (clip,) = player.told()["clips"]
    shown = editor.until(
        lambda: (p := enlarged(player.picture(), player.sent(clip, 10))) is not None and [p], "it", 10
    )[0]
    assert np.array_equal(shown[16:], player.sent(clip, 10)[16:])  # no label covers these rows
    assert player.part(".vdt-strip").get_attribute("aria-valuetext") == "10 generated"
    player.keys(Keys.ARROW_LEFT)
    player.until_frame(9)
    player.keys(Keys.HOME, Keys.ARROW_LEFT)
    player.until_frame(15)
    player.button("compare").click()
    player.point(".vdt-stage", 0.5, 0.5)
    both = editor.until(lambda: (p := player.picture()).any() and [p], "the comparison", 10)[0]
    factor = min(both.shape[0] // 64, both.shape[1] // 64)
    top, left = (both.shape[0] - 64 * factor) // 2, (both.shape[1] - 64 * factor) // 2
    halves = both[top : top + 64 * factor : factor, left : left + 64 * factor : factor]
    source, result = player.sent(clip["before"], 15), player.sent(clip, 15)
    assert np.abs(halves[20:40, 4:28].astype(int) - source[20:40, 4:28]).mean() < 12
    assert np.abs(halves[20:40, 36:60].astype(int) - result[20:40, 36:60]).mean() < 12
    editor.driver.save_screenshot(str(SHOTS / f"compare_{renderer}.png"))


@pytest.mark.parametrize("renderer", RENDERERS)
def test_the_player_survives_whatever_builds_nodes_anew(editor, renderer):
    player = predicted(editor, renderer)
    player.stop_at(6)

    def lives(what):
        """It shows its frame, where it stands on the page, and can be led."""
        player.until_frame(6)
        editor.until(lambda: player.picture().any(), f"a picture after {what}", 20)
        player.keys(Keys.ARROW_RIGHT)
        player.until_frame(7)
        player.keys(Keys.ARROW_LEFT)
        player.until_frame(6)

    lives("a run")
    before = editor.run(WIDGETS.format("VDTSampler"))["seed"]
    editor.set_widget("VDTSampler", "seed", before + 1)
    editor.run(CHECKED)
    editor.driver.find_element(By.CSS_SELECTOR, "#graph-canvas")
    editor.run("document.activeElement.blur()")
    editor.undo()
    editor.until(lambda: editor.run(WIDGETS.format("VDTSampler"))["seed"] == before, "the undo", 20)
    lives("an undo")
    editor.run("return window.app.extensionManager.command.execute('Comfy.Redo')")
    lives("a redo")
    editor.run("window.app.graph._nodes.find(n => n.type === 'VDTDecode').collapse()")
    time.sleep(0.5)
    editor.run("window.app.graph._nodes.find(n => n.type === 'VDTDecode').collapse()")
    lives("a collapse")
    path = "return window.app.extensionManager.workflow.activeWorkflow.path"
    first = editor.run(path)
    editor.run("window.app.extensionManager.command.execute('Comfy.NewBlankWorkflow')")
    editor.until(lambda: "VDTDecode" not in editor.nodes() and editor.run(path) != first, "another tab", 20)
    editor.run("window.app.extensionManager.command.execute('Workspace.PreviousOpenedWorkflow')")
    editor.until(lambda: "VDTDecode" in editor.nodes(), "the tab before", 20)
    editor.show("VDTDecode")
    lives("a change of tab")
    saved = json.dumps(editor.run("return window.app.graph.serialize()"))
    values = [node["widgets_values"] for node in json.loads(saved)["nodes"] if node["type"] == "VDTDecode"]
    assert values == [[24, 24]] and "vdt_player" not in saved  # nothing of the player is saved


@pytest.mark.parametrize("renderer", RENDERERS)
def test_a_frame_goes_back_and_the_clip_becomes_a_file(editor, renderer):
    player = predicted(editor, renderer)
    player.stop_at(12)
    player.choose("use", "Load Image")
    player.says("frame 12")
    script = WIDGETS.format("LoadImage") + ".image"
    name = editor.run(script)
    with Image.open(io.BytesIO(bytes_at(editor, {"filename": name, "type": "input"}))) as picture:
        assert np.array_equal(np.asarray(picture.convert("RGB")), player.sent(player.told()["clips"][0], 12))
    player.keys(Keys.END)
    player.until_frame(15)
    player.choose("use", "(")  # the Load Image that is there now
    player.says("frame 15")
    assert editor.run(script) != name and editor.nodes().count("LoadImage") == 1
    editor.run(SAVED)
    for count, (text, head) in enumerate(EXPORTS.items()):
        player.choose("export", text)
        editor.until(lambda: editor.run("return window.saved.length") > count, text, 60)  # noqa: B023
        assert head in editor.driver.execute_async_script(HEAD)


@pytest.mark.parametrize("renderer", RENDERERS)
def test_variations_are_a_grid_to_choose_from(editor, renderer):
    editor.open("predict", renderer)
    editor.run(ROOM, "VDTDecode", 420)
    first = seed()
    editor.set_widget("VDTSampler", "seed", first)
    editor.set_widget("VDTSampler", "batch", 4)
    player = run(editor)
    assert [clip["seed"] for clip in player.told()["clips"]] == [first + number for number in range(4)]
    editor.show("VDTDecode")
    editor.until(lambda: player.frame() > 0, "clips that play", 30)
    editor.driver.save_screenshot(str(SHOTS / f"grid_{renderer}.png"))
    player.point(".vdt-stage", 0.75, 0.75)
    editor.until(lambda: player.button("keep").is_displayed(), "the chosen clip", 10)
    player.button("keep").click()
    player.says(str(first + 3))
    values = editor.run(WIDGETS.format("VDTSampler"))
    assert (values["seed"], values["batch"], values["control_after_generate"]) == (first + 3, 1, "fixed")
    player.button("all").click()
    editor.until(lambda: not player.button("all").is_displayed(), "all clips", 10)


@pytest.mark.parametrize("renderer", RENDERERS)
def test_save_video_and_report_play_too(editor, renderer):
    editor.open("extend", renderer)
    editor.set_widget("VDTExtend", "seed", seed())
    player = run(editor, "VDTSaveVideo")
    editor.show("VDTSaveVideo")
    editor.until(lambda: player.frame() > 0, "the saved clip that plays", 30)
    time.sleep(0.5)  # a stock video would have appeared
    assert editor.driver.find_elements(By.CSS_SELECTOR, "video") == []
    assert editor.outputs("VDTSaveVideo")["images"][0]["filename"].endswith(".mp4")
    editor.driver.save_screenshot(str(SHOTS / f"save_video_{renderer}.png"))
    editor.open("predict", renderer)
    editor.set_widget("VDTSampler", "seed", seed())
    report = run(editor, "VDTReport")
    editor.show("VDTReport")
    editor.until(lambda: report.frame() > 0, "the compared clip that plays", 30)
    assert report.button("compare").get_attribute("aria-pressed") == "true"
    editor.driver.save_screenshot(str(SHOTS / f"report_{renderer}.png"))


@pytest.mark.parametrize("renderer", RENDERERS)
def test_it_plays_within_a_subgraph(editor, renderer):
    editor.open("predict", renderer)
    if editor.version() < (1, 24):
        pytest.skip("this editor has no subgraphs")
    editor.set_widget("VDTSampler", "seed", seed())
    editor.run(INTO_SUBGRAPH)
    editor.until(lambda: "VDTDecode" not in editor.nodes(), "the subgraph", 20)
    editor.click_run()
    made = "return Object.values(window.app.nodeOutputs).some(output => output?.vdt_player?.[0].clips[0].seed)"
    editor.until(lambda: editor.run(made), "the result", 240)
    editor.until(lambda: not editor.host.request("/queue")["queue_running"], "the end of the run", 240)
    editor.run("window.app.canvas.setGraph(window.app.graph._nodes.find(n => n.subgraph).subgraph)")
    player = Player(editor, "VDTDecode")
    editor.until(lambda: player.frame() > 0, "the result that plays", 30)
    editor.run("window.app.canvas.setGraph(window.app.graph)")
    time.sleep(0.5)
    editor.run("window.app.canvas.setGraph(window.app.graph._nodes.find(n => n.subgraph).subgraph)")
    editor.until(lambda: player.read(".vdt-stage", "found?.clientHeight") and player.picture().any(), "it again", 30)
    editor.driver.save_screenshot(str(SHOTS / f"subgraph_{renderer}.png"))


@pytest.mark.parametrize("renderer", RENDERERS)
def test_a_node_that_comes_into_the_graph_long_after_it_was_made_has_its_player(editor, renderer):
    editor.open("predict", renderer)
    editor.run("window.late = LiteGraph.createNode('VDTDecode')")
    time.sleep(1)  # several of the player's ticks: nodes of no graph are not kept
    editor.run("window.late.pos = [0, 1200]; window.app.graph.add(window.late)")
    mine = "return [...document.querySelectorAll('.vdt-player')].some(e => e.dataset.node === String(window.late.id))"
    editor.until(lambda: editor.run(mine), "the player of the late node", 20)
