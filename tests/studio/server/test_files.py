"""Files over the wire: seen, uploaded, kept; nothing outside the folders, nothing that runs as a page."""

import io

import aiohttp
import numpy as np
from PIL import Image, PngImagePlugin


def form(name, data, **fields):
    made = aiohttp.FormData(quote_fields=False)
    for key, value in fields.items():
        made.add_field(key, value)
    made.add_field("image", data, filename=name)
    return made


def test_results_are_seen_whole_and_in_ranges(host, folders):
    (folders.output / "video").mkdir()
    (folders.output / "video/clip.mp4").write_bytes(bytes(range(100)))

    async def scenario(visitor):
        where = "/view?filename=clip.mp4&subfolder=video&type=output"
        async with visitor.client.get(where) as answer:
            assert (answer.status, answer.content_type, await answer.read()) == (200, "video/mp4", bytes(range(100)))
        async with visitor.client.get(where, headers={"Range": "bytes=10-19"}) as answer:
            assert (answer.status, await answer.read()) == (206, bytes(range(10, 20)))
        assert (await visitor.get("/view?filename=absent.mp4"))[0] == 404

    host(scenario)


def test_images_come_small_if_asked(host, folders):
    Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save(folders.input / "a.png")

    async def scenario(visitor):
        async with visitor.client.get("/api/view?filename=a.png&type=input&preview=webp;50") as answer:
            assert answer.content_type == "image/webp" and (await answer.read())[8:12] == b"WEBP"

    host(scenario)


def test_pages_and_scripts_are_never_shown(host, folders):
    for name in ("page.html", "picture.svg", "script.js"):
        (folders.output / name).write_text("<script>alert(1)</script>")

    async def scenario(visitor):
        for name in ("page.html", "picture.svg", "script.js"):
            async with visitor.client.get(f"/view?filename={name}") as answer:
                assert answer.content_type == "application/octet-stream"
                assert answer.headers["X-Content-Type-Options"] == "nosniff"

    host(scenario)


def test_nothing_outside_the_folders_is_seen(host, tmp_path):
    (tmp_path / "secret.txt").write_text("secret")
    queries = (
        "filename=../secret.txt",
        "filename=secret.txt&subfolder=..",
        "filename=/etc/passwd",
        "filename=..%5Csecret.txt",
        "filename=C:%5Csecret.txt",
    )

    async def scenario(visitor):
        for query in queries:
            for kind in ("output", "input", "temp"):
                assert (await visitor.get(f"/view?{query}&type={kind}"))[0] in (403, 404), query
            assert (await visitor.get(f"/view?{query}&type=models"))[0] == 400, query

    host(scenario)


def test_an_upload_lands_in_the_input_folder_under_a_free_name(host, folders):
    async def scenario(visitor):
        code, first = await visitor.post("/upload/image", data=form("a.png", b"one"))
        assert (code, first) == (200, {"name": "a.png", "subfolder": "", "type": "input"})
        _, same = await visitor.post("/upload/image", data=form("a.png", b"one"))
        _, other = await visitor.post("/upload/image", data=form("a.png", b"two"))
        assert (same["name"], other["name"]) == ("a.png", "a (1).png")
        await visitor.post("/upload/image", data=form("a.png", b"three", overwrite="true"))
        _, below = await visitor.post("/upload/image", data=form("../../b.png", b"x", subfolder="pasted"))
        assert below == {"name": "b.png", "subfolder": "pasted", "type": "input"}

    host(scenario)
    assert (folders.input / "a.png").read_bytes() == b"three"
    assert (folders.input / "a (1).png").read_bytes() == b"two"
    assert (folders.input / "pasted/b.png").read_bytes() == b"x"
    assert not list(folders.temp.iterdir())


def test_uploads_that_may_not_be(host, folders):
    async def scenario(visitor):
        assert (await visitor.post("/upload/image", data=form("a.png", b"0" * 2000)))[0] == 413
        assert (await visitor.post("/upload/image", data=form("a.png", b"0", subfolder="../..")))[0] == 403
        assert (await visitor.post("/upload/image", data=form("a.png", b"0", type="output")))[0] == 403
        assert (await visitor.post("/upload/image", data=form("a.png", b"0", type="models")))[0] == 400
        assert (await visitor.post("/upload/image", {"image": "a.png"}))[0] == 400

    host(scenario, max_upload=1000)
    assert not [path for folder in (folders.input, folders.output, folders.temp) for path in folder.rglob("*")]


def test_workflows_are_kept_listed_moved_and_deleted(host, tmp_path):
    async def scenario(visitor):
        code, path = await visitor.post("/userdata/workflows%2Fmine.json", data=b'{"nodes": []}')
        assert (code, path) == (200, "workflows/mine.json")
        assert (await visitor.post("/userdata/workflows%2Fmine.json?overwrite=false", data=b"{}"))[0] == 409
        code, made = await visitor.post("/userdata/workflows%2Fmine.json?full_info=true", data=b"{}")
        assert made["path"] == "workflows/mine.json" and made["size"] == 2 and made["modified"] > 1e12
        _, listed = await visitor.get("/userdata?dir=workflows&recurse=true&split=false&full_info=true")
        assert [entry["path"] for entry in listed] == ["mine.json"]
        assert (await visitor.get("/userdata?dir=workflows&split=true"))[1] == [["mine.json", "mine.json"]]
        await visitor.post("/userdata/workflows%2Fmine.json/move/workflows%2Fsub%2Fb.json?overwrite=false")
        assert (await visitor.get("/api/userdata/workflows%2Fsub%2Fb.json")) == (200, b"{}")
        assert (await visitor.get("/userdata/workflows%2Fmine.json"))[0] == 404
        async with visitor.client.delete("/userdata/workflows%2Fsub%2Fb.json") as answer:
            assert answer.status == 204
        assert (await visitor.post("/userdata/..%2F..%2Fevil.json", data=b"x"))[0] == 403
        assert (await visitor.get("/userdata?dir=..%2Finput"))[0] == 403

    host(scenario)
    assert not list(tmp_path.glob("evil*"))


def test_settings_are_kept(host):
    async def scenario(visitor):
        assert (await visitor.get("/settings"))[1] == {"Comfy.TutorialCompleted": True}
        await visitor.post("/settings/Comfy.ColorPalette", data=b'"light"')
        await visitor.post("/settings", {"a": [1], "Comfy.TutorialCompleted": False})
        kept = {"Comfy.TutorialCompleted": False, "Comfy.ColorPalette": "light", "a": [1]}
        assert (await visitor.get("/settings"))[1] == kept
        assert (await visitor.get("/settings/a"))[1] == [1]
        assert (await visitor.post("/settings/a", data=b"not json"))[0] == 400

    host(scenario)


def png(pixels, **texts):
    buffer, info = io.BytesIO(), PngImagePlugin.PngInfo()
    for key, value in texts.items():
        info.add_text(key, value)
    Image.fromarray(pixels).save(buffer, format="PNG", pnginfo=info)
    return buffer.getvalue()


def test_a_painted_mask_becomes_the_alpha_of_its_image(host, folders):
    picture = np.random.default_rng(0).integers(0, 256, (8, 12, 3), dtype=np.uint8)
    painted = np.full((8, 12, 4), 255, np.uint8)
    painted[2:5, 3:9] = (0, 0, 0, 40)  # what is painted is clear; its colours do not matter
    (folders.input / "a.png").write_bytes(png(picture, workflow="{}"))

    async def scenario(visitor):
        told = {"original_ref": '{"filename": "a.png", "type": "input"}', "type": "input", "subfolder": "clipspace"}
        code, answer = await visitor.post("/upload/mask", data=form("mask.png", png(painted), **told))
        assert (code, answer) == (200, {"name": "mask.png", "subfolder": "clipspace", "type": "input"})
        absent = {**told, "original_ref": '{"filename": "absent.png", "type": "input"}'}
        assert (await visitor.post("/upload/mask", data=form("mask.png", png(painted), **absent)))[0] == 400
        assert (await visitor.post("/upload/mask", data=form("mask.png", png(painted), type="input")))[0] == 400
        assert (await visitor.post("/upload/mask", data=form("mask.png", png(painted[:4]), **told)))[0] == 400
        outside = {**told, "original_ref": '{"filename": "../../a.png", "type": "input"}'}
        assert (await visitor.post("/upload/mask", data=form("mask.png", png(painted), **outside)))[0] in (403, 404)

    host(scenario)
    with Image.open(folders.input / "clipspace/mask.png") as made:
        assert made.text["workflow"] == "{}"
        assert np.array_equal(np.asarray(made), np.dstack([picture, painted[..., 3]]))
