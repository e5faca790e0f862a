"""Pictures of the editor for the README: `python tests/browser/recording.py URL`, where URL is a running studio.

docs/images/editor.jpg shows a template after a run; docs/images/painting.webp shows how a region is painted on the mask
timeline, and the result playing.
"""

import sys
import time
from pathlib import Path

from conftest import Host, start_browser
from page import Editor
from timeline_page import NODE, TimelinePage

IMAGES = Path(__file__).parents[2] / "docs" / "images"
TEMPLATE = "complete_region"
WIDTH = 720  # pixels of the recording
ALL_GIVEN = '{"v":1,"given":"0-15","paint":[]}'
CUT = (430, 80, 1290, 900)  # of the window of 1440x900: the graph, without minimap and toolbars
STEP, FRAME = 900, 120  # milliseconds that a step of painting is shown, and a frame of the result


class Recorder:
    """Pictures of the window, each with how long it is shown."""

    def __init__(self, editor):
        self.editor, self.shots = editor, []

    def shot(self, milliseconds=STEP):
        picture = self.editor.picture().crop(CUT)
        self.shots.append((picture.resize((WIDTH, round(WIDTH * picture.height / picture.width))), milliseconds))

    def save(self, path):
        first, *others = [picture for picture, _ in self.shots]
        durations = [duration for _, duration in self.shots]
        first.save(path, save_all=True, append_images=others, duration=durations, loop=0, quality=70, method=4)


def paint(editor, recorder):
    """From a clip that is all given: an oval that follows a way over some frames."""
    editor.run(f"{NODE} node.widgets.find(w => w.name === 'timeline').value = arguments[0]", ALL_GIVEN)
    page = TimelinePage(editor)
    time.sleep(1)
    page.press("oval")
    recorder.shot()
    page.drag("strip", (4.5 / 16, 0.3), (11.5 / 16, 0.3))  # it says no frames while all are given
    time.sleep(1)
    recorder.shot()
    page.draw((0.62, 0.45), (0.95, 0.85))
    page.wait(lambda value: len(value["paint"]) == 1, "a shape")
    recorder.shot()
    page.press("move")
    page.press("animate")
    page.frame(11)
    recorder.shot()
    page.drag("stage", (0.78, 0.65), (0.62, 0.65))
    page.wait(lambda value: "keys" in value["paint"][0], "a keyframe")
    recorder.shot()
    for frame in range(4, 12):
        page.frame(frame)
        recorder.shot(FRAME)


def run(editor):
    """Run the graph to its end, and let the result begin to play."""
    before = editor.outputs("SaveVideo")
    editor.click_run()
    editor.until(lambda: editor.outputs("SaveVideo") not in (None, before), "the run", 120)
    time.sleep(2)


def record(driver, url):
    """Both pictures."""
    editor = Editor(driver, Host(url, Path(__file__).parents[2].name, is_studio=True))
    editor.open(TEMPLATE)
    run(editor)
    IMAGES.mkdir(exist_ok=True)
    editor.picture().save(IMAGES / "editor.jpg", quality=88)
    recorder = Recorder(editor)
    editor.show("VDTMask")
    paint(editor, recorder)
    run(editor)
    editor.show("VDTDecode")
    for _ in range(16):
        recorder.shot(FRAME)
    recorder.save(IMAGES / "painting.webp")


if __name__ == "__main__":
    driver = start_browser(["--window-size=1440,1040"])
    try:
        record(driver, sys.argv[1])
    finally:
        driver.quit()
