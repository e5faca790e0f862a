"""Stock nodes: the same object_info as ComfyUI's, and the documented results."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vdt_studio.schema import NodeSchema
from vdt_studio.stock import ABSENT, STOCK

CORPUS = Path(__file__).parent / "golden"
GOLDEN = json.loads((CORPUS / "comfyui_0.3.64_object_info.json").read_text(encoding="utf-8"))
NEWEST = json.loads((CORPUS / "schemas_0.33.json").read_text(encoding="utf-8"))
SAID = ("category", "search_aliases", "output_name", "output_node", "is_input_list")  # word for word as ComfyUI 0.33
LESS = {"SaveVideo", "KSampler"}  # whose lists of choices are shorter here


def call(registry, name, **inputs):
    """The results of a V1 or V3 node, as a tuple."""
    cls = STOCK[name][0]
    answer = cls.execute(**inputs) if hasattr(cls, "execute") else getattr(cls(), cls.FUNCTION)(**inputs)
    return getattr(answer, "args", answer)


def test_stock_nodes_have_the_inputs_and_outputs_of_comfyui(registry, folders):
    Image.new("RGB", (8, 8)).save(folders.input / "example.png")  # what the recorded server had there
    for name in sorted(STOCK):
        info, golden = json.loads(json.dumps(registry.types[name].info())), NEWEST[name]
        for key in SAID:
            assert (info.get(key) or None) == (golden.get(key) or None), (name, key)
        ours, theirs = NodeSchema.from_info(info), NodeSchema.from_info(golden)
        assert (ours.outputs, ours.output_is_list) == (theirs.outputs, theirs.output_is_list), name
        assert list(ours.inputs) == list(theirs.inputs), name
        for spec in ours.inputs.values():
            other = theirs.inputs[spec.id]
            assert (spec.type, spec.required, spec.is_controlled) == (other.type, other.required, other.is_controlled)
            for option in ("min", "max", "default"):
                assert spec.options.get(option) == other.options.get(option), (name, spec.id, option)
            if name in LESS:
                assert set(spec.choices or ()) <= set(other.choices or ()), (name, spec.id)
            else:
                assert spec.choices == other.choices, (name, spec.id)


def test_save_video_takes_prompts_of_all_layouts(registry, folders, engine, api):
    """0.3.64 and 0.30 to 0.33.0 have a plain format and a codec beside it, newer ones a codec within the format."""
    layouts = (
        {"format": "auto", "codec": "auto"},
        {"format": "mp4", "codec": "h264"},
        {"format": "auto", "format.codec": "auto"},
        {"format": "mp4", "format.codec": "h264", "codec": "auto"},
        {"format": "auto", "format.codec": "h264", "format.codec.encoding": "auto", "codec": "auto"},
        {},
    )
    for layout in layouts:
        saved = {"video": ["2", 0], "filename_prefix": "v", "format": "auto", **layout}
        graph = {
            "1": ("Grey", {"value": 0.5, "frames": 2}),
            "2": ("CreateVideo", {"images": ["1", 0], "fps": 8.0}),
            "3": ("SaveVideo", saved),
        }
        result = engine.run(api(graph))
        assert (folders.output / result.ui["3"]["images"][0]["filename"]).is_file(), layout


def test_numbers_that_become_sizes_are_bounded(registry, monkeypatch):
    monkeypatch.setattr("vdt.bounds.free_bytes", lambda: 2**30)
    images = torch.zeros(2, 8, 8, 3)
    cases = (
        ("SolidMask", {"value": 1.0, "width": 16384, "height": 16385}),
        ("SolidMask", {"value": 1.0, "width": 10**12, "height": 8}),
        ("RepeatImageBatch", {"image": images, "amount": 10**9}),
        ("RepeatImageBatch", {"image": torch.zeros(64, 512, 512, 3), "amount": 4096}),
        (
            "ImageScale",
            {"image": images, "upscale_method": "bilinear", "width": 16384, "height": 16384, "crop": "disabled"},
        ),
        (
            "ImageScale",
            {"image": images, "upscale_method": "bilinear", "width": 10**9, "height": 0, "crop": "disabled"},
        ),
    )
    for name, inputs in cases:
        with pytest.raises(ValueError, match=r"expected at most|GiB are free"):
            call(registry, name, **inputs)


def test_what_is_said_to_be_absent_is():
    assert not ABSENT & set(STOCK)
    assert set(GOLDEN) <= ABSENT | set(STOCK)


def test_load_image_with_and_without_alpha(registry, folders):
    pixels = np.arange(4 * 6 * 4, dtype=np.uint8).reshape(4, 6, 4)
    Image.fromarray(pixels).save(folders.input / "alpha.png")
    Image.fromarray(pixels[..., :3]).save(folders.input / "plain.png")
    image, mask = call(registry, "LoadImage", image="alpha.png")
    assert torch.equal((image * 255).byte(), torch.from_numpy(pixels[None, ..., :3]))
    assert torch.equal(mask, 1 - torch.from_numpy(pixels[None, ..., 3]).float() / 255)
    image, mask = call(registry, "LoadImage", image="plain.png")
    assert image.shape == (1, 4, 6, 3) and torch.equal(mask, torch.zeros(1, 64, 64))


def test_load_image_mask_takes_a_channel(registry, folders):
    pixels = np.arange(4 * 6 * 4, dtype=np.uint8).reshape(4, 6, 4)
    Image.fromarray(pixels).save(folders.input / "a.png")
    (green,) = call(registry, "LoadImageMask", image="a.png", channel="green")
    assert torch.equal(green, torch.from_numpy(pixels[None, ..., 1]).float() / 255)
    (alpha,) = call(registry, "LoadImageMask", image="a.png", channel="alpha")
    assert torch.equal(alpha, 1 - torch.from_numpy(pixels[None, ..., 3]).float() / 255)


def test_load_image_reads_all_frames_and_turns_photos_upright(registry, folders):
    frames = [Image.new("RGB", (8, 4), colour) for colour in ("red", "lime")]
    frames[0].save(folders.input / "two.gif", save_all=True, append_images=frames[1:])
    assert call(registry, "LoadImage", image="two.gif")[0].shape == (2, 4, 8, 3)
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    Image.new("RGB", (8, 4)).save(folders.input / "photo.jpg", exif=exif)
    assert call(registry, "LoadImage", image="photo.jpg")[0].shape == (1, 8, 4, 3)


def test_sixteen_bit_grey_is_scaled(registry, folders):
    Image.fromarray(np.full((2, 2), 65535, np.uint16)).save(folders.input / "deep.png")
    assert bool((call(registry, "LoadImage", image="deep.png")[0] == 1).all())


def test_broken_images_are_said(registry, folders):
    (folders.input / "broken.png").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"broken\.png"):
        call(registry, "LoadImage", image="broken.png")


def test_saved_images_truncate_number_on_and_carry_the_graph(registry, folders):
    images = torch.full((2, 4, 6, 3), 0.999)
    inputs = {"filename_prefix": "a/b", "prompt": {"1": 2}, "extra_pnginfo": {"workflow": {"nodes": []}}}
    ui = call(registry, "SaveImage", images=images, **inputs)["ui"]
    assert [entry["filename"] for entry in ui["images"]] == ["b_00001_.png", "b_00002_.png"]
    assert {(entry["subfolder"], entry["type"]) for entry in ui["images"]} == {("a", "output")}
    with Image.open(folders.output / "a" / "b_00002_.png") as saved:
        assert saved.getpixel((0, 0)) == (254, 254, 254)
        assert json.loads(saved.text["prompt"]) == {"1": 2}
        assert json.loads(saved.text["workflow"]) == {"nodes": []}
    again = call(registry, "SaveImage", images=images, filename_prefix="a/b")["ui"]
    assert again["images"][0]["filename"] == "b_00003_.png"


def test_images_that_are_not_numbers_are_not_saved(registry, folders):
    images = torch.full((2, 4, 6, 3), float("nan"))
    with pytest.raises(ValueError, match="NaN"):
        call(registry, "SaveImage", images=images)
    with pytest.raises(ValueError, match="leads out"):
        call(registry, "SaveImage", images=torch.zeros(1, 4, 4, 3), filename_prefix="../x")
    assert list(folders.output.rglob("*")) == [] and list(folders.output.parent.glob("x*")) == []


def test_an_interrupted_batch_leaves_no_image(registry, folders, monkeypatch):
    saved = []

    def stop_at_third(self, *args, **kwargs):
        saved.append(args[0])
        if len(saved) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(Image.Image, "save", stop_at_third)
    with pytest.raises(KeyboardInterrupt):
        call(registry, "SaveImage", images=torch.zeros(4, 4, 4, 3))
    assert list(folders.output.rglob("*")) == []


def test_previews_go_to_temp(registry, folders):
    ui = call(registry, "PreviewImage", images=torch.zeros(1, 4, 4, 3))["ui"]
    assert ui["images"][0]["type"] == "temp"
    assert (folders.temp / ui["images"][0]["filename"]).is_file() and not list(folders.output.iterdir())


def test_webp(registry, folders):
    settings = {"filename_prefix": "w", "fps": 8.0, "lossless": True, "quality": 80, "method": "default"}
    images = torch.stack([torch.zeros(8, 8, 3), torch.ones(8, 8, 3)])
    ui = call(registry, "SaveAnimatedWEBP", images=images, **settings)["ui"]
    assert ui["animated"] == (True,)
    with Image.open(folders.output / ui["images"][0]["filename"]) as saved:
        assert saved.n_frames == 2


def test_masks(registry):
    (mask,) = call(registry, "SolidMask", value=0.25, width=6, height=4)
    assert torch.equal(mask, torch.full((1, 4, 6), 0.25))
    assert torch.equal(call(registry, "InvertMask", mask=mask)[0], torch.full((1, 4, 6), 0.75))
    (image,) = call(registry, "MaskToImage", mask=mask)
    assert image.shape == (1, 4, 6, 3)
    assert torch.equal(call(registry, "ImageToMask", image=image, channel="blue")[0], mask)
    with pytest.raises(ValueError, match="no alpha"):
        call(registry, "ImageToMask", image=image, channel="alpha")


def test_mask_composite(registry):
    below, above = torch.ones(2, 4, 4), torch.ones(1, 3, 3)
    for operation, inside in {"add": 1, "subtract": 0, "multiply": 1, "and": 1, "or": 1, "xor": 0}.items():
        (mask,) = call(registry, "MaskComposite", destination=below, source=above, x=2, y=3, operation=operation)
        expected = torch.ones(2, 4, 4)
        expected[:, 3:, 2:] = inside
        assert torch.equal(mask, expected), operation
        assert torch.equal(below, torch.ones(2, 4, 4)), operation


def test_image_batches(registry):
    first, second = torch.zeros(2, 4, 6, 3), torch.ones(3, 8, 12, 3)
    (both,) = call(registry, "ImageBatch", image1=first, image2=second)
    assert both.shape == (5, 4, 6, 3) and torch.equal(both.mean((1, 2, 3)), torch.tensor([0.0, 0, 1, 1, 1]))
    (taken,) = call(registry, "ImageFromBatch", image=both, batch_index=1, length=2)
    assert torch.equal(taken, both[1:3])
    assert len(call(registry, "ImageFromBatch", image=both, batch_index=9, length=9)[0]) == 1
    assert call(registry, "RepeatImageBatch", image=taken, amount=3)[0].shape == (6, 4, 6, 3)


def test_image_scale(registry):
    half = torch.cat([torch.zeros(1, 8, 8, 3), torch.ones(1, 8, 8, 3)], dim=2)  # black, white: 8 x 16
    for method in ("nearest-exact", "bilinear", "area", "bicubic", "lanczos"):
        scale = {"image": half, "upscale_method": method}
        (small,) = call(registry, "ImageScale", **scale, width=8, height=0, crop="disabled")
        assert small.shape == (1, 4, 8, 3) and small[0, 0, 0, 0] < 0.01 and small[0, 0, -1, 0] > 0.99, method
        (middle,) = call(registry, "ImageScale", **scale, width=8, height=8, crop="center")
        assert torch.equal(middle, half[:, :, 4:12]), method


def test_latents(registry):
    latent, other = {"samples": torch.zeros(3, 4, 2, 2)}, {"samples": torch.ones(2, 4, 2, 2)}
    (masked,) = call(registry, "SetLatentNoiseMask", samples=latent, mask=torch.ones(3, 16, 16))
    assert masked["noise_mask"].shape == (3, 1, 16, 16) and "noise_mask" not in latent
    (part,) = call(registry, "LatentFromBatch", samples=masked, batch_index=1, length=5)
    assert len(part["samples"]) == len(part["noise_mask"]) == 2 and part["batch_index"] == [1, 2]
    (both,) = call(registry, "LatentBatch", samples1=masked, samples2=other)
    assert both["samples"].shape == (5, 4, 2, 2) and both["noise_mask"].shape == (5, 1, 16, 16)


def test_preview_any(registry):
    for value, text in (
        (3, "3"),
        ("a", "a"),
        (None, "None"),
        ([1], "[\n    1\n]"),
        (
            {
                1,
            },
            "{1}",
        ),
    ):
        assert call(registry, "PreviewAny", source=value) == {"ui": {"text": (text,)}, "result": (text,)}
