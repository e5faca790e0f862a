"""Requests that no editor sends: each gets a sentence, and a code that says whose fault it is."""

import asyncio
import io
import json
import threading

import numpy as np
import pytest
from aiohttp import FormData
from PIL import Image

from vdt_studio.server import files as files_module
from vdt_studio.server import work

LONG = "a" * 300
ODD_BODIES = (b"[1, 2]", b"5", b"null", b'"text"', b"{", b"\xff\xfe", b'{"a": NaN}', b'{"a": 1e999}', b"[" * 50_000)
GRAPH = {"1": {"class_type": "Grey", "inputs": {"value": 0.5, "frames": 1}}}
SHOWN = {**GRAPH, "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}}}


async def asked(visitor, method, path, **options):
    """Status and text of any request."""
    async with visitor.client.request(method, path, allow_redirects=False, **options) as answer:
        return answer.status, (await answer.read()).decode(errors="replace"), answer.headers


def is_sentence(status, text):
    return 400 <= status < 500 and 0 < len(text) < 1000 and "Traceback" not in text


@pytest.fixture
def strange(folders, tmp_path):
    """Folders with what breaks listings: links in circles, links outward, folders where files are meant."""
    user = tmp_path / "user"
    for root in (folders.input, folders.output, user):
        root.mkdir(exist_ok=True)
        (root / "loop").symlink_to("loop")
        (root / "one.png").symlink_to("two.png")
        (root / "two.png").symlink_to("one.png")
        (root / "out.png").symlink_to("/etc/hostname")
        (root / "folder.png").mkdir()
        (root / "good.png").write_bytes(b"x")
    return user


NAMES = (LONG, "é" * 200, "loop", "loop/x", "one.png", "out.png", "folder.png", ".", "good.png/x", "%00", "x" * 5000)


def test_odd_names_get_sentences(host, strange):
    async def scenario(visitor):
        for name in NAMES:
            for method, path in (
                ("GET", f"/view?filename={name}&type=input"),
                ("GET", f"/view?filename=a.png&subfolder={name}&type=input"),
                ("GET", f"/view?filename={name}&type=input&preview=webp;50"),
                ("GET", f"/userdata/{name.replace('/', '%2F')}"),
                ("DELETE", f"/userdata/{name.replace('/', '%2F')}"),
                ("POST", f"/userdata/{name.replace('/', '%2F')}/move/b.png"),
                ("GET", f"/extensions/ComfyUI-Small/{name}"),
                ("GET", f"/models/{name.replace('/', '%2F')}"),
                ("GET", f"/workflow_templates/ComfyUI-Small/{name.replace('/', '%2F')}"),
                ("GET", f"/assets/{name}"),
            ):
                status, text, _ = await asked(visitor, method, path)
                assert is_sentence(status, text), (method, path[:60], status, text[:200])
        for name in ("folder.png", ".", LONG, "good.png%2Fx", "loop%2Fx"):
            for path in (f"/userdata/{name}", f"/userdata/good.png/move/{name}"):
                status, text, _ = await asked(visitor, "POST", path, data=b"{}")
                assert is_sentence(status, text), (path[:60], status, text[:200])
        assert (await visitor.get("/userdata/good.png"))[0] == 200

    host(scenario)


def test_one_bad_link_does_not_break_a_listing(host, strange):
    async def scenario(visitor):
        for query in ("", "&recurse=true", "&full_info=true", "&recurse=true&full_info=true&split=true"):
            status, listed = await visitor.get(f"/userdata?dir={query}")
            assert status == 200 and "good.png" in json.dumps(listed) and "out.png" not in json.dumps(listed), query
        for name in ("good.png", "none", "loop"):
            status, listed = await visitor.get(f"/userdata?dir={name}")
            assert listed == [] if status == 200 else status == 403, name
        assert (await visitor.get("/object_info"))[0] == 200

    host(scenario)


def test_odd_bodies_get_sentences(host):
    async def scenario(visitor):
        for path in ("/prompt", "/queue", "/history", "/interrupt", "/settings", "/settings/a"):
            for body in ODD_BODIES:
                status, text, _ = await asked(visitor, "POST", path, data=body)
                fine = status == 200 and path == "/settings/a"  # which takes any JSON
                assert fine or is_sentence(status, text), (path, body[:20], status, text[:200])
        status, text, _ = await asked(
            visitor, "POST", "/queue", data=b"{}", headers={"Content-Type": "application/json; charset=nonsense"}
        )
        assert is_sentence(status, text)
        for key, values in (
            ("partial_execution_targets", (5, "2", {"a": 1}, [[1]], True)),
            ("number", ("x", [], {}, 10**400, "1e999")),
        ):
            for value in values:
                status, text, _ = await asked(visitor, "POST", "/prompt", json={"prompt": SHOWN, key: value})
                assert is_sentence(status, text), (key, str(value)[:20], status)
        for key in ("delete",):
            for path in ("/queue", "/history"):
                status, text, _ = await asked(visitor, "POST", path, json={key: 5})
                assert is_sentence(status, text), path
        for query in ("max_items=x", "max_items=1e999", "offset=nan", "limit=" + "9" * 5000):
            for path in ("/history", "/jobs"):
                status, _, _ = await asked(visitor, "GET", f"{path}?{query}")
                assert status in (200, 400), (path, query[:20], status)

    host(scenario)


def test_prompts_with_odd_fields_never_fail_the_host(host):
    async def scenario(visitor):
        for key in ("client_id", "prompt_id", "extra_data", "front"):
            for value in (None, 5, [], {}, "x" * 2000, {"extra_pnginfo": 5}, {"extra_pnginfo": {"workflow": 7}}, True):
                status, _ = await visitor.post("/prompt", {"prompt": SHOWN, key: value})
                assert status == 200, (key, value)
        for _ in range(200):
            if not (await visitor.get("/prompt"))[1]["exec_info"]["queue_remaining"]:
                break
            await asyncio.sleep(0.05)
        for path in ("/history", "/jobs", "/queue"):
            assert (await visitor.get(path))[0] == 200
        _, jobs = await visitor.get("/jobs?status=completed")
        assert len(jobs["jobs"]) > 10

    host(scenario)


def test_prompts_that_are_no_graphs(host):
    async def scenario(visitor):
        circle = {
            "1": {"class_type": "Add", "inputs": {"a": ["2", 0], "label": ""}},
            "2": {"class_type": "Add", "inputs": {"a": ["1", 0], "label": ""}},
            "3": {"class_type": "Show", "inputs": {"value": ["2", 0]}},
        }
        status, answer = await visitor.post("/prompt", {"prompt": circle})
        assert status == 400 and answer["error"]["type"] == "dependency_cycle"
        ((_, found),) = answer["node_errors"].items()
        assert found["dependent_outputs"] == ["3"] and "run in a circle" in found["errors"][0]["message"]
        for prompt in ({"1": 5}, {"1": {"class_type": 7}}, {"1": {"class_type": "Grey", "inputs": 5}}):
            status, answer = await visitor.post("/prompt", {"prompt": prompt})
            assert status == 400 and answer["error"]["type"] == "invalid_prompt"
        status, answer = await visitor.post(
            "/prompt", {"prompt": {"1": {"class_type": "Grey", "inputs": {}, "_meta": 5}}}
        )
        assert status == 400 and answer["error"]["type"] == "prompt_no_outputs"

    host(scenario)


def test_foreign_origins_and_frames_are_kept_out(host):
    async def scenario(visitor):
        for origin in ("http://[", "http://[::1", "http://a]b", "", "nonsense", "file://", "http://localhost:1"):
            status, text, _ = await asked(visitor, "GET", "/settings", headers={"Origin": origin})
            assert status == 403 and text, origin
        for name in ("[", "[::1", "a]b", "evil.example", ""):
            status, _, _ = await asked(visitor, "GET", "/settings", headers={"Host": name})
            assert status in (400, 403), name
        for path in ("/", "/assets/app.js", "/settings", "/none", "/view?filename=none.png", "/userdata/.."):
            _, _, headers = await asked(visitor, "GET", path)
            assert headers["X-Frame-Options"] == "SAMEORIGIN", path
            assert headers["Content-Security-Policy"] == "frame-ancestors 'self'", path

    host(scenario)


def upload(name, data=b"x", **fields):
    made = FormData()
    for key, value in fields.items():
        made.add_field(key, value)
    made.add_field("image", data, filename=name)
    return made


def test_uploads_onto_what_is_no_file(host, folders, strange):
    async def scenario(visitor):
        for name in ("folder.png", "loop", "out.png", LONG, "é" * 130, ".", "..", " "):
            status, text, _ = await asked(visitor, "POST", "/upload/image", data=upload(name))
            assert is_sentence(status, text) or status == 200, (name[:20], status, text[:200])
        for fields in ({"subfolder": "good.png"}, {"subfolder": "loop"}, {"type": LONG}, {"subfolder": LONG}):
            status, text, _ = await asked(visitor, "POST", "/upload/image", data=upload("a.png", **fields))
            assert is_sentence(status, text), (fields, status, text[:200])
        for wanted in ("5", "[]", "{}", "{", '{"filename": 5}', '{"filename": "x", "type": []}', "[" * 10_000):
            status, text, _ = await asked(visitor, "POST", "/upload/mask", data=upload("m.png", original_ref=wanted))
            assert is_sentence(status, text), (wanted[:20], status, text[:200])

    host(scenario)
    assert not list(folders.temp.glob("*.part"))


def test_damaged_forms(host, folders):
    head = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n'
    cases = (
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=b", b"no boundary at all"),
        ("multipart/form-data; boundary=b", b""),
        ("multipart/form-data; boundary=b", head + b"\r\nunfinished"),
        ("multipart/form-data; boundary=b", head + b"Content-Transfer-Encoding: odd\r\n\r\nx\r\n--b--\r\n"),
        ("multipart/form-data; boundary=b", b"--b\r\n\r\nx\r\n--b--\r\n"),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form\x00; name=x\r\n\r\nx\r\n--b--\r\n"),
        ("multipart/mixed; boundary=b", b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c--\r\n--b--\r\n"),
        (f"multipart/form-data; boundary={'b' * 500}", b"x"),
    )

    async def scenario(visitor):
        for kind, body in cases:
            for path in ("/upload/image", "/upload/mask"):
                status, text, _ = await asked(visitor, "POST", path, data=body, headers={"Content-Type": kind})
                assert is_sentence(status, text), (kind, body[:30], status, text[:200])
        many = FormData()
        for number in range(200):
            many.add_field(f"f{number}", "x")
        many.add_field("image", b"x", filename="a.png")
        assert is_sentence(*(await asked(visitor, "POST", "/upload/image", data=many))[:2])
        large = upload("a.png", note="x" * (2 << 20))
        assert (await asked(visitor, "POST", "/upload/image", data=large))[0] == 413

    host(scenario)
    assert not list(folders.temp.glob("*.part"))


def test_previews_are_bounded(host, folders, tmp_path):
    Image.fromarray(np.zeros((40, 5000, 3), np.uint8)).save(folders.input / "wide.png")
    (folders.input / "text.png").write_bytes(b"not a picture")
    header = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (12000).to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0\0\0\0\0"
    (folders.input / "huge.png").write_bytes(header)

    async def scenario(visitor):
        async with visitor.client.get("/view?filename=wide.png&type=input&preview=webp;90") as answer:
            assert Image.open(io.BytesIO(await answer.read())).size == (2048, 16)
        for name in ("huge.png", "text.png"):
            status, text, _ = await asked(visitor, "GET", f"/view?filename={name}&type=input&preview=webp;50")
            assert is_sentence(status, text) and name in text, (status, text)
        for wish in ("webp;²", "webp;" + "9" * 5000, "webp;-3", ";;;", "jpeg;0", ""):
            status, _, _ = await asked(visitor, "GET", f"/view?filename=wide.png&type=input&preview={wish}")
            assert status == 200, wish[:20]

    host(scenario)


def test_work_runs_beside_the_event_loop(host, folders, monkeypatch):
    """While a preview and a validation stand still, other requests are answered."""
    Image.new("RGB", (8, 8)).save(folders.input / "a.png")
    held, began = threading.Event(), threading.Event()
    threads = []

    def waiting(*_):
        threads.append(threading.current_thread().name)
        began.set()
        assert held.wait(60)
        return b"x"

    monkeypatch.setattr(files_module, "preview", waiting)
    monkeypatch.setattr("vdt_studio.server.prompts.validate", lambda *_: waiting())

    async def scenario(visitor):
        slow = [
            asyncio.create_task(visitor.get("/view?filename=a.png&type=input&preview=webp;5")),
            asyncio.create_task(asked(visitor, "POST", "/prompt", json={"prompt": SHOWN})),
        ]
        await asyncio.to_thread(began.wait, 60)
        while len(threads) < 2:
            await asyncio.sleep(0.01)
        assert (await visitor.get("/settings"))[0] == 200 and (await visitor.get("/prompt"))[0] == 200
        held.set()
        assert (await slow[0])[0] == 200
        await slow[1]

    host(scenario)
    assert all(name.startswith("vdt-studio-requests") for name in threads)


def test_work_that_takes_too_long_is_answered(monkeypatch):
    held = threading.Event()

    async def scenario():
        with pytest.raises(Exception, match="Service Unavailable") as caught:
            await work.off_loop(held.wait, 30, seconds=0.05)
        assert "takes longer than 0.05 s" in caught.value.text
        held.set()

    asyncio.run(scenario())


def test_what_is_broken_in_here_is_one_sentence_too(host, monkeypatch):
    def broken(*_, **__):
        raise TypeError("a defect")

    monkeypatch.setattr("vdt_studio.server.userdata.list_files", broken)

    async def scenario(visitor):
        status, text, headers = await asked(visitor, "GET", "/userdata?dir=")
        assert status == 500 and text == "this host failed at it: TypeError: a defect"
        assert headers["X-Frame-Options"] == "SAMEORIGIN"

    host(scenario)


def test_a_full_disk_is_said_with_the_file(host, monkeypatch, tmp_path):
    from pathlib import Path

    def full(self, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)

    async def scenario(visitor):
        status, text, _ = await asked(visitor, "POST", "/userdata/mine.json", data=b"{}")
        assert status == 507 and "mine.json" in text and "No space left" in text

    host(scenario)
    assert not list((tmp_path / "user").glob("*mine*"))


def test_sockets_take_anything(host):
    async def scenario(visitor):
        socket = await visitor.listen()
        for text in ("", "5", "[]", '{"type": 5}', '{"type": "feature_flags"}', "[" * 20_000, "\ud7ff"):
            await socket.send_str(text)
        await socket.send_bytes(b"\0" * 100)
        await socket.send_json({"type": "feature_flags", "data": {"supports_preview_metadata": True}})
        kinds = [json.loads((await socket.receive(timeout=60)).data)["type"] for _ in range(3)]
        assert kinds.count("feature_flags") >= 1

    host(scenario)


def test_a_node_that_cannot_describe_itself_is_left_out(host, registry):
    from vdt_studio.shim.comfy_api.latest import io as schema_io

    class Broken(schema_io.ComfyNode):
        @classmethod
        def define_schema(cls):
            raise RuntimeError("no such folder")

    async def scenario(visitor):
        from vdt_studio.registry import V3Node

        registry.types["Broken"] = V3Node("Broken", Broken, "tests")
        status, nodes = await visitor.get("/object_info")
        assert status == 200 and "Broken" not in nodes and "Grey" in nodes

    host(scenario)
