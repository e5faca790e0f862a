"""What a person does on the mask timeline, and what it shows, in the words of a test."""

import json

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

NODE = "const node = window.app.graph._nodes.find(n => n.type === 'VDTMask');"
# The only timeline that is seen: one element on the page, under the pointer where it stands.
SEEN = """
const roots = [...document.querySelectorAll("[aria-label^='Mask timeline']")].filter(e => e.offsetParent);
if (roots.length !== 1) return null;
const canvas = roots[0].querySelector('canvas'), box = canvas.getBoundingClientRect();
const top = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 3);
return top === canvas && canvas.width > 50 ? roots[0] : null;
"""
# For each pixel of the clip whether the stage shows it striped: the colours of stripes lie between two.
STRIPED = """
const [width, height] = arguments[1], canvas = arguments[0].querySelectorAll('canvas')[1];
const ratio = canvas.width / canvas.clientWidth;
const scale = Math.min(canvas.clientWidth / width, canvas.clientHeight / height);
const left = (canvas.clientWidth - width * scale) / 2, top = (canvas.clientHeight - height * scale) / 2;
const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
const ground = [38, 40, 44], way = [240 - 38, 128 - 40, 20 - 44];
const length = way.reduce((sum, each) => sum + each * each, 0);
const striped = (x, y) => {
  const at = 4 * (Math.round(y * ratio) * canvas.width + Math.round(x * ratio));
  const from = ground.map((each, place) => data[at + place] - each);
  const share = Math.max(0, Math.min(1, from.reduce((sum, each, place) => sum + each * way[place], 0) / length));
  return from.reduce((sum, each, place) => sum + (each - share * way[place]) ** 2, 0) < 500;
};
const found = [];
for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) {
  let hits = 0;
  for (const [dx, dy] of [[.3, .3], [.7, .3], [.5, .5], [.3, .7], [.7, .7]])
    hits += striped(left + (x + dx) * scale, top + (y + dy) * scale);
  found.push(hits >= 3 ? 1 : 0);
}
return found;
"""
# How many colours a part of a canvas shows, and their mean: a picture has many.
COLORS = """
const canvas = arguments[0].querySelectorAll('canvas')[arguments[1]], [x0, y0, x1, y1] = arguments[2];
const {width, height} = canvas, left = Math.floor(x0 * width), top = Math.floor(y0 * height);
const [wide, high] = [Math.ceil((x1 - x0) * width), Math.ceil((y1 - y0) * height)];
const {data} = canvas.getContext('2d').getImageData(left, top, wide, high);
const seen = new Set(), sum = [0, 0, 0];
for (let i = 0; i < data.length; i += 4) {
  seen.add(data[i] * 65536 + data[i + 1] * 256 + data[i + 2]);
  for (let c = 0; c < 3; c++) sum[c] += data[i + c];
}
return {colors: seen.size, mean: sum.map(each => each / (data.length / 4))};
"""
SAVE_MASK = """
const graph = window.app.graph, picture = LiteGraph.createNode('MaskToImage'), save = LiteGraph.createNode('SaveImage');
for (const node of [picture, save]) { node.pos = [0, -1500]; graph.add(node); }
graph._nodes.find(n => n.type === 'VDTMask').connect(0, picture, 0);
picture.connect(0, save, 0);
save.widgets[0].value = 'ran';
return save.id;
"""


class TimelinePage:
    """The timeline of the only VDT Mask of an editor's graph."""

    PARTS = ("strip", "stage", "lanes")

    def __init__(self, editor):
        self.editor, self.driver = editor, editor.driver

    # ---- Looking -----------------------------------------------------------------------------------------------------

    def seen(self):
        """Its element, once it is the one on the screen."""
        return self.editor.until(lambda: self.editor.run(SEEN), "a timeline that is seen", 60)

    @property
    def value(self):
        text = self.editor.run(f"{NODE} return node?.widgets.find(w => w.name === 'timeline').value")
        return json.loads(text) if text else {}

    def wait(self, condition, what):
        """Until the value meets a condition; returns it."""
        self.editor.until(lambda: condition(self.value), what, 60)
        return self.value

    @property
    def says(self):
        """The sentences that are read on it."""
        return self.editor.run(
            "return [...arguments[0].querySelectorAll('div')].slice(1).map(e => e.innerText)", self.seen()
        )

    def until_says(self, text):
        self.editor.until(lambda: any(text in each for each in self.says), f"{text!r}", 60)

    def colors(self, part, box):
        return self.editor.run(COLORS, self.seen(), self.PARTS.index(part), box)

    def until_picture(self, part="stage", box=(0.2, 0.2, 0.8, 0.8), colors=200):
        """Until a part of a canvas shows a picture rather than a plain field."""
        self.editor.until(lambda: self.colors(part, box)["colors"] > colors, f"a picture on the {part}", 60)

    def striped(self, size=(64, 64)):
        """For each pixel of the frame that is shown whether it is striped, row by row."""
        return self.editor.run(STRIPED, self.seen(), list(size))

    def hidden_widgets(self):
        names = self.editor.run(f"{NODE} return node.widgets.filter(w => w.hidden).map(w => w.name)")
        return set(names)

    # ---- Doing -------------------------------------------------------------------------------------------------------

    def press(self, name):
        script = "const b = arguments[0].querySelector(`[data-tool='${arguments[1]}']`); b.click();"
        self.editor.run(script, self.seen(), name)

    def brush(self, **values):
        script = """
        for (const [name, value] of Object.entries(arguments[1])) {
          const slider = arguments[0].querySelector(`[data-brush='${name}']`);
          slider.value = value;
          slider.dispatchEvent(new Event('input'));
        }
        """
        self.editor.run(script, self.seen(), values)

    def drag(self, part, *points, keys=()):
        """Over a part through points in fractions of it; a single one is a click."""
        canvas, actions = self._canvas(part), ActionChains(self.driver, duration=40)
        for key in keys:
            actions.key_down(key)
        actions.move_to_element_with_offset(canvas, *self._offset(canvas, points[0])).click_and_hold()
        for point in points[1:]:
            actions.move_to_element_with_offset(canvas, *self._offset(canvas, point))
        actions.release()
        for key in keys:
            actions.key_up(key)
        actions.perform()

    def hover(self, part, point):
        canvas = self._canvas(part)
        ActionChains(self.driver, duration=40).move_to_element_with_offset(
            canvas, *self._offset(canvas, point)
        ).perform()

    def wheel(self, part, point, by):
        """The wheel over a point of a part, as far as browsers report it."""
        script = """
        const canvas = arguments[0], box = canvas.getBoundingClientRect(), [x, y] = arguments[1];
        const place = {clientX: box.left + x * box.width, clientY: box.top + y * box.height};
        const turned = {...place, deltaY: arguments[2], bubbles: true, cancelable: true};
        canvas.dispatchEvent(new WheelEvent('wheel', turned));
        """
        self.editor.run(script, self._canvas(part), list(point), by)

    def fingers(self, part, *ways):
        """Each finger along its way, all at once; points in fractions."""
        script = """
        const [canvas, ways] = arguments, box = canvas.getBoundingClientRect();
        const send = (type, finger, [x, y]) => canvas.dispatchEvent(new PointerEvent(type, {
          pointerId: 50 + finger, pointerType: 'touch', isPrimary: finger === 0, bubbles: true, cancelable: true,
          clientX: box.left + x * box.width, clientY: box.top + y * box.height, button: type === 'pointermove' ? -1 : 0,
        }));
        ways.forEach((way, finger) => send('pointerdown', finger, way[0]));
        for (let step = 1; step < ways[0].length; step++)
          ways.forEach((way, finger) => send('pointermove', finger, way[step]));
        ways.forEach((way, finger) => send('pointerup', finger, way.at(-1)));
        """
        self.editor.run(script, self._canvas(part), [list(way) for way in ways])

    def keys(self, *names, held=()):
        actions = ActionChains(self.driver)
        for key in held:
            actions.key_down(key)
        for name in names:
            actions.send_keys(getattr(Keys, name, name))
        for key in held:
            actions.key_up(key)
        actions.perform()

    def frame(self, index, count=16):
        """Choose one frame on the strip."""
        self.drag("strip", ((index + 0.5) / count, 0.3))
        self.until_says(f"frame {index} of")

    def frames(self, first, last, count=16):
        self.drag("strip", ((first + 0.5) / count, 0.3), ((last + 0.5) / count, 0.3))
        self.until_says(f"frames {first}")

    def draw(self, *points, keys=()):
        """On the picture; returns the strokes that came of it."""
        before = len(self.value.get("paint", []))
        self.drag("stage", *points, keys=keys)
        return self.wait(lambda value: len(value.get("paint", [])) > before, "a shape")["paint"][before:]

    def run_and_read(self, size=(64, 64)):
        """Run the graph; what its mask was, for each frame a list of 0 and 1, from a picture that it saved."""
        import io
        import urllib.request

        from PIL import Image

        editor = self.editor
        saved = editor.run(SAVE_MASK)
        editor.click_run()
        written = "return (window.app.nodeOutputs[arguments[0]] || {}).images"
        files = editor.until(lambda: editor.run(written, saved), "the mask that ran", 180)
        masks = []
        for file in files:
            query = f"/view?filename={file['filename']}&subfolder={file['subfolder']}&type={file['type']}"
            with urllib.request.urlopen(f"{editor.host.url}{query}", timeout=60) as answer:
                picture = Image.open(io.BytesIO(answer.read())).convert("L")
            assert picture.size == tuple(size)
            masks.append([int(value == 255) for value in picture.tobytes()])
        return masks

    def _canvas(self, part):
        return self.seen().find_elements(By.CSS_SELECTOR, "canvas")[self.PARTS.index(part)]

    def _offset(self, canvas, point):
        box = canvas.rect
        return [round((share - 0.5) * side) for share, side in zip(point, (box["width"], box["height"]), strict=True)]
