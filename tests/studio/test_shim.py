"""The interface that node files import: present only when asked for, and behaving as documented."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from vdt_studio import shim
from vdt_studio.paths import Folders
from vdt_studio.shim import folder_paths
from vdt_studio.shim.comfy_api.latest import io, ui

ROOT = Path(__file__).parents[2]
HANG = 900  # seconds after which a process that must end counts as stuck


def python(script, *path):
    code = f"import sys; sys.path[:0] = {[str(ROOT), *map(str, path)]!r}\n{script}"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=HANG)


INSTALL = """
from pathlib import Path
from vdt_studio import shim
from vdt_studio.paths import Folders
here = Path('.')
folders = Folders(input=here, output=here, temp=here, models=here)
"""


def test_nothing_is_importable_before_install_and_all_after():
    script = f"""{INSTALL}
import importlib.util
assert [name for name in ('comfy', 'comfy_api', 'folder_paths') if importlib.util.find_spec(name)] == []
shim.install(folders); shim.install(folders)
import comfy.model_management as mm, comfy.utils, comfy.sd, comfy.conds, folder_paths
from comfy_api.latest import io, ui, InputImpl, Types, ComfyExtension
assert comfy.model_management is mm is sys.modules['comfy.model_management']
assert io is sys.modules['vdt_studio.shim.comfy_api.latest.io']
"""
    done = python(script)
    assert done.returncode == 0, done.stderr


def test_a_real_comfyui_is_never_hidden(tmp_path):
    (tmp_path / "comfy").mkdir()
    (tmp_path / "comfy" / "__init__.py").write_text("")
    done = python(f"{INSTALL}\nshim.install(folders)", tmp_path)
    assert done.returncode == 1 and "a ComfyUI can be imported here" in done.stderr


def test_every_module_of_the_table_exists(folders):
    for name, own in shim.MODULES.items():
        assert sys.modules[name] is importlib.import_module(f"vdt_studio.shim.{own}")


def test_object_info_of_a_schema():
    class Node(io.ComfyNode):
        @classmethod
        def define_schema(cls):
            return io.Schema(
                node_id="Node",
                category="VDT",
                inputs=[
                    io.Int.Input("seed", default=0, min=0, max=9, control_after_generate=True, tooltip="Of the noise."),
                    io.Float.Input("scale", step=0.1, display_mode=io.NumberDisplay.slider),
                    io.Boolean.Input("on", default=False, label_on="yes"),
                    io.String.Input("text", multiline=True, dynamic_prompts=False),
                    io.Custom("VDT_THING").Input("thing", optional=True, lazy=True, extra_dict={"extra": 1}),
                ],
                outputs=[io.Image.Output(), io.Mask.Output("m", display_name="mask", tooltip="t", is_output_list=True)],
                is_output_node=True,
            )

    info = Node.GET_NODE_INFO_V1()
    assert info["input"] == {
        "required": {
            "seed": [
                "INT",
                {"tooltip": "Of the noise.", "default": 0, "min": 0, "max": 9, "control_after_generate": True},
            ],
            "scale": ["FLOAT", {"step": 0.1, "display": "slider"}],
            "on": ["BOOLEAN", {"default": False, "label_on": "yes"}],
            "text": ["STRING", {"multiline": True, "dynamicPrompts": False}],
        },
        "optional": {"thing": ["VDT_THING", {"lazy": True, "extra": 1}]},
        "hidden": {"prompt": ["PROMPT"], "extra_pnginfo": ["EXTRA_PNGINFO"]},
    }
    assert info["output"] == ["IMAGE", "MASK"] and info["output_name"] == ["IMAGE", "mask"]
    assert info["output_is_list"] == [False, True] and info["output_tooltips"] == [None, "t"]
    assert info["search_aliases"] is None and info["output_matchtypes"] is None and info["price_badge"] is None


def test_object_info_of_the_newest_inputs():
    """As ComfyUI 0.33 states them; a pack written for it is read here too."""
    match = io.MatchType.Template("kind", [io.Image, io.Mask])

    class Node(io.ComfyNode):
        @classmethod
        def define_schema(cls):
            return io.Schema(
                node_id="Node",
                search_aliases=["i2v", "loop"],
                essentials_category="Video Tools",
                has_intermediate_output=True,
                inputs=[
                    io.DynamicCombo.Input(
                        "mode",
                        options=[
                            io.DynamicCombo.Option("plain", []),
                            io.DynamicCombo.Option("sized", [io.Int.Input("width", default=8)]),
                        ],
                    ),
                    io.Autogrow.Input("images", io.Autogrow.TemplatePrefix(io.Float.Input("f"), "f", min=1, max=5)),
                    io.MatchType.Input("any", match),
                    io.MultiType.Input(io.Float.Input("rate", default=2.0), [io.Float, io.Int]),
                    io.MultiCombo.Input("many", ["a", "b"], chip=True),
                    io.Int.Input("rare", advanced=True, optional=True),
                    io.Color.Input("colour", optional=True),
                ],
                outputs=[io.MatchType.Output(match), io.Image.Output()],
            )

    info = Node.GET_NODE_INFO_V1()
    required, optional = info["input"]["required"], info["input"]["optional"]
    width = {"required": {"width": ["INT", {"default": 8}]}}
    assert required["mode"] == [
        "COMFY_DYNAMICCOMBO_V3",
        {"options": [{"key": "plain", "inputs": {"required": {}}}, {"key": "sized", "inputs": width}]},
    ]
    grown = {"input": {"required": {"f": ["FLOAT", {"forceInput": True}]}}, "prefix": "f", "min": 1, "max": 5}
    assert required["images"] == ["COMFY_AUTOGROW_V3", {"template": grown}]
    template = {"template_id": "kind", "allowed_types": "IMAGE,MASK"}
    assert required["any"] == ["COMFY_MATCHTYPE_V3", {"template": template}]
    assert required["rate"] == ["FLOAT,INT", {"default": 2.0, "widgetType": "FLOAT"}]
    many = {"multiselect": True, "options": ["a", "b"], "multi_select": {"chip": True}}
    assert required["many"] == ["COMBO", many]
    assert optional == {"rare": ["INT", {"advanced": True}], "colour": ["COLOR", {}]}
    assert info["output"] == ["COMFY_MATCHTYPE_V3", "IMAGE"] and info["output_matchtypes"] == ["kind", None]
    assert info["search_aliases"] == ["i2v", "loop"] and info["essentials_category"] == "Video Tools"
    assert info["has_intermediate_output"] is True and info["dev_only"] is False


def test_a_schema_names_every_input_once():
    class Twice(io.ComfyNode):
        @classmethod
        def define_schema(cls):
            return io.Schema(node_id="Twice", inputs=[io.Int.Input("a"), io.Int.Input("a")])

    with pytest.raises(ValueError, match="'a' twice"):
        Twice.GET_SCHEMA()


def test_ui_dictionaries(folders):
    assert ui.PreviewText("hello").as_dict() == {"text": ("hello",)}
    shown = ui.PreviewMask(torch.ones(2, 4, 4)).as_dict()
    assert shown["animated"] == (False,) and len(shown["images"]) == 2
    assert all((folders.temp / entry["filename"]).is_file() for entry in shown["images"])
    saved = ui.ImageSaveHelper.get_save_images_ui(torch.zeros(1, 4, 4, 3), "a/b", cls=None).as_dict()
    assert saved == {"images": [{"filename": "b_00001_.png", "subfolder": "a", "type": "output"}]}
    video = ui.PreviewVideo([ui.SavedResult("a.mp4", "", io.FolderType.output)]).as_dict()
    assert video == {"images": [{"filename": "a.mp4", "subfolder": "", "type": "output"}], "animated": (True,)}


def test_model_folders(folders, tmp_path):
    (folders.models / "toys" / "deep").mkdir(parents=True)
    for name in ("a.safetensors", "b.txt", "deep/c.safetensors"):
        (folders.models / "toys" / name).write_text("x")
    folder_paths.add_model_folder_path("toys", str(folders.models / "toys"))
    assert folder_paths.get_filename_list("toys") == [
        "a.safetensors",
        "b.txt",
        "deep/c.safetensors",
    ]  # no extensions yet
    folder_paths.folder_names_and_paths["toys"][1].update({".safetensors"})
    assert folder_paths.get_filename_list("toys") == ["a.safetensors", "deep/c.safetensors"]
    found = folder_paths.get_full_path_or_raise("toys", "deep/c.safetensors")
    assert Path(found) == (folders.models / "toys" / "deep" / "c.safetensors").resolve()
    with pytest.raises(FileNotFoundError, match="searched"):
        folder_paths.get_full_path_or_raise("toys", "none.safetensors")
    with pytest.raises(ValueError, match="leads out"):
        folder_paths.get_full_path("toys", "../secret.safetensors")
    other = Folders(input=folders.input, output=folders.output, temp=folders.temp, models=tmp_path / "others")
    shim.install(other, device="cpu")  # another studio in the same process: registered folders move along
    assert folder_paths.get_folder_paths("toys") == [str(tmp_path / "others" / "toys")]


def test_the_vae_is_the_librarys(folders, tiny_vae):
    from vdt_studio.shim.comfy.sd import VAE

    vae = VAE(sd=tiny_vae.state_dict())
    images = torch.rand(3, 20, 36, 3, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        latents = vae.encode(images)
        centre = images[:, 2:18, 2:34].movedim(-1, 1) * 2 - 1  # whole cells of 8
        assert torch.equal(latents, tiny_vae.encode(centre).mean)
        decoded = vae.decode(latents)
        assert torch.equal(decoded, ((tiny_vae.decode(latents) + 1) / 2).clamp(0, 1).movedim(1, -1))
    assert (vae.latent_channels, vae.spacial_compression_encode()) == (4, 8)
    with pytest.raises(ValueError, match="expected"):
        vae.decode(latents[None])
    with pytest.raises(ValueError, match="at least 8"):
        vae.encode(images[:, :4])


def test_patcher_clones_share_the_model_and_not_the_options():
    from vdt_studio.shim.comfy.model_patcher import ModelPatcher

    cpu = torch.device("cpu")
    patcher = ModelPatcher(torch.nn.Linear(3, 2), load_device=cpu, offload_device=cpu)
    other = patcher.clone()
    other.model_options["transformer_options"]["x"] = 1
    assert patcher.is_clone(other) and patcher.model_options == {"transformer_options": {}}
    assert patcher.model_size() == 8 * 4 and patcher.model_dtype() == torch.float32
    assert patcher.get_model_object("weight") is patcher.model.weight


def test_an_unknown_device_is_said(folders):
    with pytest.raises(ValueError, match="not available"):
        shim.install(folders, device="cuda:99")
    with pytest.raises(ValueError, match="not available"):
        shim.install(folders, device="nonsense")
