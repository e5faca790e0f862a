"""The picture that a graph of the pack loads comes with the pack."""

import importlib
import json

from PIL import Image

from vdt_studio.pack import default_pack, load_pack


def bring(folders):
    importlib.import_module(f"{load_pack(default_pack()).__name__}.nodes.host.files").bring_painted_picture()
    return sorted(path.name for path in folders.input.iterdir())


def test_the_painted_picture_is_there_to_begin_with_and_nobodys_own_is_replaced(folders):
    graph = json.loads((default_pack() / "workflows/painted_mask.json").read_text(encoding="utf-8"))
    (wanted,) = [node["widgets_values"][0] for node in graph["nodes"] if node["type"] == "LoadImage"]
    assert bring(folders) == [wanted]
    with Image.open(folders.input / wanted) as picture:
        assert picture.mode == "RGBA" and picture.getchannel("A").getextrema() == (0, 255)  # painted on, in part
    (folders.input / wanted).write_bytes(b"mine")
    assert bring(folders) == [wanted] and (folders.input / wanted).read_bytes() == b"mine"


def test_no_input_folder_is_made_for_it(folders):
    folders.input.rmdir()
    importlib.import_module(f"{load_pack(default_pack()).__name__}.nodes.host.files").bring_painted_picture()
    assert not folders.input.exists()
