"""Nodes that are no more: what a host is told of them."""

import asyncio
from types import SimpleNamespace


def host(told):
    """The part of a newer comfy_api.latest that matters here."""

    async def register(entry):
        told.append(entry)

    api = SimpleNamespace(node_replacement=SimpleNamespace(register=register))
    return SimpleNamespace(ComfyAPI=lambda: api, io=SimpleNamespace(NodeReplace=dict))


def test_a_newer_host_is_told_and_an_older_one_left_alone(pack, monkeypatch):
    module, told = pack("nodes.replacements"), []
    entry = module.Replacement(
        old="VDTOld",
        new="VDTMask",
        widgets=("given",),
        inputs=(("given", "count"),),
        outputs=((0, 1),),
        values=(("every", 4),),
    )
    monkeypatch.setattr(module, "REPLACEMENTS", (entry,))
    asyncio.run(module.register(host(told)))
    assert told == [
        {
            "new_node_id": "VDTMask",
            "old_node_id": "VDTOld",
            "old_widget_ids": ["given"],
            "input_mapping": [{"new_id": "given", "old_id": "count"}, {"new_id": "every", "set_value": 4}],
            "output_mapping": [{"new_idx": 0, "old_idx": 1}],
        }
    ]
    asyncio.run(module.register(SimpleNamespace(io=SimpleNamespace())))


def test_the_extension_tells_its_host_and_every_new_node_exists(pack):
    nodes = pack("nodes")
    asyncio.run(nodes.VDTExtension().on_load())
    there = {node.define_schema().node_id for node in asyncio.run(nodes.VDTExtension().get_node_list())}
    replaced = pack("nodes.replacements").REPLACEMENTS
    assert {entry.new for entry in replaced} <= there and not {entry.old for entry in replaced} & there
