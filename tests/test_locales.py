"""Translations: every word of every node in every language, and none of a node that is not there."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LANGUAGES = sorted(path.name for path in (ROOT / "locales").iterdir())
NODES = json.loads((ROOT / "tests/nodes/object_info.json").read_text(encoding="utf-8"))


def read(language, name):
    return json.loads((ROOT / "locales" / language / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_node_is_translated_whole(language):
    words = read(language, "nodeDefs")
    assert set(words) == set(NODES)
    for name, node in NODES.items():
        said = words[name]
        assert said["display_name"] and said["description"]
        assert list(said["inputs"]) == [entry[0] for entry in node["inputs"]], name
        assert list(said["outputs"]) == [str(index) for index in range(len(node["outputs"]))], name
        for part in (*said["inputs"].values(), *said["outputs"].values()):
            assert set(part) == {"name", "tooltip"} and all(part.values()), name


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_category_is_translated(language):
    assert read(language, "main")["nodeCategories"]["VDT"]


def test_english_says_what_the_nodes_themselves_say(studio):
    """So that translators have one file to start from; the nodes' own words are in nodes/."""
    live = studio.registry.object_info()
    for name, said in read("en", "nodeDefs").items():
        node = live[name]
        assert (said["display_name"], said["description"]) == (node["display_name"], node["description"])
        inputs = {key: value for group in node["input"].values() for key, value in group.items()}
        for key, part in said["inputs"].items():
            assert part == {"name": key, "tooltip": inputs[key][1]["tooltip"]}
        for index, part in said["outputs"].items():
            place = int(index)
            assert part == {"name": node["output_name"][place], "tooltip": node["output_tooltips"][place]}
