"""The real editor in headless Chromium, on the studio or, with COMFYUI_URL, on a running ComfyUI that has the pack."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLAGS = [
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--window-size=1600,1000"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--mute-audio"),
]
START_SECONDS = 120
SHOTS = ROOT / "output" / "browser"  # ignored by git; kept to be looked at


class Host:
    """Where the editor is served."""

    def __init__(self, url, pack, log=None, *, is_studio=False):
        self.url, self.pack, self.log = url.rstrip("/"), pack, log
        self.is_studio = is_studio  # whose editor has links to templates and blueprints

    def request(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        query = urllib.request.Request(f"{self.url}{path}", data=data, headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(query, timeout=60) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def bytes(self, path):
        with urllib.request.urlopen(f"{self.url}{path}", timeout=60) as answer:
            return answer.read()

    def found(self, path):
        """What is there, None if nothing is."""
        try:
            return self.request(path)
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise

    @property
    def has_blueprints(self):
        """Whether it offers the subgraphs of a pack."""
        return any("VDT" in each["name"] for each in (self.found("/global_subgraphs") or {}).values())

    def missed(self):
        """What the editor asked for and did not get."""
        return re.findall(r"^404 (\S+ \S+?)(?:&rand=\S*)?$", self.log.read_text(), re.MULTILINE)


@pytest.fixture(scope="session")
def host(tmp_path_factory):
    url = os.environ.get("COMFYUI_URL")
    if url:
        made = Host(url, "")
        (made.pack,) = [name for name, graphs in made.request("/workflow_templates").items() if "predict" in graphs]
        made.request("/settings/Comfy.TutorialCompleted", True)
        yield made
        return
    folder = tmp_path_factory.mktemp("studio")
    log = folder / "log"
    command = [sys.executable, "-m", "vdt_studio", "serve", "--port", "0", "--template", "predict"]
    paths = filter(None, (os.environ.get("STUDIO_FRONTEND"), str(ROOT)))  # a folder that holds another editor's package
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1"}
    with log.open("wb") as sink:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=sink, stderr=subprocess.STDOUT)
    try:
        yield Host(_address(process, log), ROOT.name, log, is_studio=True)
    finally:
        process.terminate()
        process.wait(30)


def _address(process, log):
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        found = re.search(r"http://\S+", log.read_text())
        if found:
            return found[0]
        if process.poll() is not None:
            break
        time.sleep(0.2)
    pytest.fail(f"the studio did not start:\n{log.read_text()[-3000:]}")


@pytest.fixture(scope="session")
def driver():
    """One browser for all tests of a process; every test opens its own page."""
    pytest.importorskip("selenium", reason="browser tests need the extra 'test'")
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        pytest.skip("browser tests need chromium and chromedriver")
    made = start_browser()
    yield made
    made.quit()


def start_browser(flags=()):
    """Chromium without a window."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in (*FLAGS, *flags):
        options.add_argument(flag)
    made = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    made.set_script_timeout(300)
    return made


@pytest.fixture
def editor(driver, host, request):
    """A page of the editor; a picture of it is kept when the test ends."""
    from page import Editor

    made = Editor(driver, host)
    yield made
    # A run of a test that failed would slow down the page and all that follows.
    if host.request("/queue")["queue_running"]:
        host.request("/interrupt", {})
    SHOTS.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"[^\w-]+", "_", request.node.name)
    driver.save_screenshot(str(SHOTS / f"{name}.png"))


@pytest.fixture(params=["classic", "vue"])
def page(editor, request):
    """The mask timeline of a graph, seen, in both renderers."""
    from timeline_page import TimelinePage

    editor.open("predict", request.param)
    editor.show("VDTMask")
    made = TimelinePage(editor)
    made.seen()
    return made


def pytest_configure(config):
    sys.path.insert(0, str(Path(__file__).parent))  # for page.py: test files are imported without a package
