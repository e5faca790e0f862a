"""The first minute in clicks: from an open page to a playing result, and from one's own video to a longer one."""

import time

import pytest
from phone import phone_video
from PIL import Image

from vdt.media.video import probe

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(1800)]

RENDERERS = ["classic", "vue"]
WINDOW = {"width": 1440, "height": 900, "deviceScaleFactor": 1, "mobile": False}
CARD = """
return [...document.querySelectorAll("[data-testid^='template-workflow-']")]
  .find(e => e.dataset.testid === `template-workflow-${arguments[0]}`) || null;
"""
# What the stage of a node's player shows, as a text that changes with it; null if it is not seen.
STAGE = """
const node = window.app.graph._nodes.find(n => n.type === arguments[0]);
const canvas = document.querySelector(`.vdt-player[data-node='${node.id}'] .vdt-stage`);
return canvas?.offsetParent && canvas.width > 50 ? canvas.toDataURL() : null;
"""
HINT = """
return [...document.querySelectorAll('.vdt-player')].filter(e => e.offsetParent && e.clientHeight > 40)
  .map(e => e.textContent).filter(text => text.includes('Press Run')).length;
"""
# A file dropped in the middle of a node, where it is seen.
DROP_ON = """
const [type, url, name, done] = arguments, {app} = window;
(async () => {
  const node = app.graph._nodes.find(n => n.type === type);
  const drawn = document.querySelector(`[data-node-id='${node.id}']`)?.getBoundingClientRect();
  const canvas = app.canvas.canvas.getBoundingClientRect(), {scale, offset} = app.canvas.ds;
  const x = drawn ? drawn.left + drawn.width / 2 : canvas.left + (node.pos[0] + node.size[0] / 2 + offset[0]) * scale;
  const y = drawn ? drawn.top + 12 : canvas.top + (node.pos[1] + 8 + offset[1]) * scale;
  const blob = await (await fetch(url)).blob(), dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([blob], name, {type: blob.type}));
  for (const kind of ['dragenter', 'dragover', 'drop']) {
    const where = {clientX: x, clientY: y, bubbles: true, cancelable: true, dataTransfer};
    document.elementFromPoint(x, y).dispatchEvent(new DragEvent(kind, where));
    await new Promise(next => setTimeout(next, 200));
  }
})().then(() => done(true), error => done(String(error)));
"""
CLIP = """
const node = window.app.graph._nodes.find(n => n.type === 'VDTSampleClip');
return node.widgets.find(w => w.name === 'clip').value;
"""


class Person:
    """Counts what it does, and keeps a picture of each step."""

    def __init__(self, editor, folder, name):
        self.editor, self.folder, self.name = editor, folder, name
        self.clicks = 0

    def look(self, what):
        self.editor.driver.save_screenshot(str(self.folder / f"{self.name}_{self.clicks}_{what}.png"))

    def first_page(self):
        """What a bare address opens: a graph of ours in the studio only."""
        return self.editor.open(None, self.editor.renderer) if self.editor.host.is_studio else self.editor

    def run(self):
        self.clicks += 1
        self.editor.click_run()

    def drop(self, path):
        self.clicks += 1
        self.editor.drop_file(path)

    def choose_template(self, name):
        """From the list of templates; in a ComfyUI, where others stand before ours, as a link opens it."""
        self.clicks += 2
        if not self.editor.host.is_studio:
            self.editor.open(name, self.editor.renderer)
            self.look("template")
            return
        self.editor.click("button[aria-label*='emplates']")
        self.editor.until(lambda: self.editor.run(CARD, name), "the picture of the template", 30).click()
        time.sleep(1.5)  # it is opened and drawn
        self.look("template")


@pytest.fixture(params=RENDERERS)
def person(editor, request, tmp_path):
    editor.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", WINDOW)
    editor.renderer = request.param
    made = Person(editor, tmp_path, request.param)
    yield made
    made.look("end")
    editor.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def plays(editor, kind):
    """The player of a node shows pictures, one after another."""
    first = editor.until(lambda: editor.run(STAGE, kind), f"the player of {kind}", 120)
    editor.until(lambda: editor.run(STAGE, kind) not in (None, first), "another frame", 20)
    return True


def test_the_first_page_says_what_to_press_and_plays_after_it(person, host):
    if not host.is_studio:
        pytest.skip("a ComfyUI opens its own first page")
    editor = person.editor.open(None, person.editor.renderer)
    editor.until(lambda: editor.run(HINT), "what to press", 20)
    person.look("open")
    person.run()
    assert plays(editor, "VDTDecode") and person.clicks == 1


def test_another_template_plays_after_three_clicks(person):
    editor = person.first_page()
    person.choose_template("interpolate")
    editor.until(lambda: editor.run("return window.app.graph._nodes.length") == 10, "its graph", 20)
    person.run()
    assert plays(editor, "VDTDecode") and person.clicks == 3


def test_ones_own_video_goes_on_after_four(person, host):
    editor = person.first_page()
    person.choose_template("own_clip")
    editor.until(lambda: "VDTExtend" in editor.nodes(), "its graph", 20)
    name = f"phone {person.name}.mp4"
    person.drop(phone_video(person.folder / name))
    editor.until(lambda: editor.run(CLIP) == name, "the video in its node", 20)
    assert "LoadVideo" not in editor.nodes() and editor.alerts() == []
    person.look("dropped")
    person.run()
    assert plays(editor, "VDTSaveVideo") and person.clicks == 4
    (shown,) = editor.outputs("VDTSaveVideo")["images"]
    written = person.folder / "made.mp4"
    path = f"/view?filename={shown['filename']}&subfolder={shown['subfolder']}&type=output"
    written.write_bytes(host.bytes(path))
    info = probe(written)
    assert (info.width, info.height, info.frames) == (64, 114, 24), info  # upright; 8 given and 16 new frames


def test_a_video_dropped_on_a_node_is_its_clip_and_a_sample_comes_back(person):
    editor = person.editor.open("interpolate", person.editor.renderer)
    name = f"dropped {person.name}.mp4"
    data = editor.as_url(phone_video(person.folder / name))
    assert editor.driver.execute_async_script(DROP_ON, "VDTSampleClip", data, name) is True
    editor.until(lambda: editor.run(CLIP) == name, "the video in its node", 20)
    prompt = editor.prompt()
    (encode,) = [node["inputs"] for node in prompt.values() if node["class_type"] == "VDTEncode"]
    (clip,) = [number for number, node in prompt.items() if node["class_type"] == "VDTSampleClip"]
    assert encode["video"] == [clip, 2] and encode["images"] == [clip, 0]
    person.run()
    assert plays(editor, "VDTDecode")
    person.look("own")
    editor.set_widget("VDTSampleClip", "clip", "two_balls")
    person.run()
    editor.until(lambda: not editor.host.request("/queue")["queue_running"], "the end", 60)
    assert editor.alerts() == [] and editor.wrong() == []


def test_a_video_dropped_on_the_encoder_leads_to_its_source(person):
    editor = person.editor.open("extend", person.editor.renderer)
    name = f"encoder {person.name}.mp4"
    data = editor.as_url(phone_video(person.folder / name))
    assert editor.driver.execute_async_script(DROP_ON, "VDTEncode", data, name) is True
    editor.until(lambda: editor.run(CLIP) == name, "the video in the node before it", 20)


def test_a_saved_video_still_opens_its_graph(person, host):
    editor = person.editor.open("predict", person.editor.renderer)
    person.run()
    (video,) = editor.until(lambda: editor.outputs("SaveVideo"), "the video", 120)["images"]
    editor.open("extend", person.editor.renderer)
    path = f"/view?filename={video['filename']}&subfolder={video['subfolder']}&type=output"
    editor.drop(path, video["filename"])
    editor.until(lambda: "VDTReport" in editor.nodes(), "the graph of the video", 20)


def test_a_dropped_picture_is_loaded_by_a_node_of_its_own(person):
    """On a node of ours, which takes videos, and on the canvas."""
    editor = person.editor.open("predict", person.editor.renderer)
    loaded = "return window.app.graph._nodes.filter(n => n.type === 'LoadImage').map(n => n.widgets[0].value)"
    names = []
    for place, colour in (("VDTSampleClip", "red"), ("VDTEncode", "green"), (None, "blue")):
        names.append(f"{colour} {person.name}.png")
        picture = person.folder / names[-1]
        Image.new("RGB", (48, 32), colour).save(picture)
        if place is None:
            editor.drop_file(picture)
        else:
            assert editor.driver.execute_async_script(DROP_ON, place, editor.as_url(picture), picture.name) is True
        editor.until(lambda: editor.run(loaded) == names, f"the picture dropped on {place or 'the canvas'}", 20)
    assert editor.alerts() == []
