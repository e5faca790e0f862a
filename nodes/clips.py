"""Nodes that make clips: from keyframes, from the pack's own files, and from simulated scenes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from comfy_api.latest import InputImpl, io
from torch import Tensor

from ..vdt.bounds import shown
from ..vdt.masks.keyframes import Keyframe, place_keyframes
from ..vdt.media.video import probe
from . import checks
from .host import convert, files, own_clips, runtime
from .schema import fit_input, schema, seed_input

CLIPS = Path(__file__).parents[1] / "samples" / "clips"
FAMILIES = ["any", "projectile", "roll_collide", "roll_stop", "two_balls"]
SCENES = 900_000  # of the test split, which no bundled model was trained on


class VDTKeyframes(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="VDTKeyframes",
            display_name="VDT Keyframes",
            category="VDT",
            description="Set up to four images, or short clips, at places of a clip; the mask generates all between "
            "them.",
            search_aliases=["first last frame", "connect clips", "image to video", "keyframe"],
            inputs=[
                io.Image.Input("image_1", tooltip="An image, or a clip whose frames stay together."),
                io.Int.Input(
                    "length", default=16, min=2, max=4096, tooltip="Default: 16, the length of the bundled model."
                ),
                io.Int.Input("width", default=64, min=16, max=4096, tooltip="Default: 64, the bundled model's."),
                io.Int.Input("height", default=64, min=16, max=4096, tooltip="Default: 64, the bundled model's."),
                fit_input(),
                io.Int.Input("frame_1", default=0, min=-4096, max=4095, tooltip=_place_tip(1, "0, the beginning")),
                io.Int.Input("frame_2", default=-1, min=-4096, max=4095, tooltip=_place_tip(2, "-1, the end")),
                io.Int.Input("frame_3", default=5, min=-4096, max=4095, tooltip=_place_tip(3, "5")),
                io.Int.Input("frame_4", default=10, min=-4096, max=4095, tooltip=_place_tip(4, "10")),
                io.Image.Input("image_2", optional=True, tooltip="Another image or clip, at frame_2."),
                io.Image.Input("image_3", optional=True, tooltip="Another image or clip, at frame_3."),
                io.Image.Input("image_4", optional=True, tooltip="Another image or clip, at frame_4."),
            ],
            outputs=[
                io.Image.Output("images", display_name="images", tooltip="The clip, grey where it is to be generated."),
                io.Mask.Output("mask", display_name="mask", tooltip="White = generate."),
            ],
        )

    @classmethod
    def validate_inputs(
        cls,
        length: int | None = None,
        width: int | None = None,
        height: int | None = None,
        frame_1: int | None = None,
        frame_2: int | None = None,
        frame_3: int | None = None,
        frame_4: int | None = None,
        image_2: Any = checks.ABSENT,
        image_3: Any = checks.ABSENT,
        image_4: Any = checks.ABSENT,
    ) -> bool | str:
        """Before anything runs: the editor marks the node and says the sentence."""
        others = ((2, frame_2, image_2), (3, frame_3, image_3), (4, frame_4, image_4))
        places = {1: frame_1, **{number: at for number, at, image in others if image is not checks.ABSENT}}
        return checks.verdict(checks.keyframes, length, (height, width), places)

    @classmethod
    def execute(
        cls,
        image_1: Tensor,
        length: int,
        width: int,
        height: int,
        policy: str,
        frame_1: int,
        frame_2: int,
        frame_3: int,
        frame_4: int,
        image_2: Tensor | None = None,
        image_3: Tensor | None = None,
        image_4: Tensor | None = None,
    ) -> io.NodeOutput:
        with runtime.named("VDT Keyframes"):
            runtime.check_clip(length, (height, width))
            pairs = zip((image_1, image_2, image_3, image_4), (frame_1, frame_2, frame_3, frame_4), strict=True)
            keyframes = [Keyframe(frames=convert.to_frames(i), index=at) for i, at in pairs if i is not None]
            clip = place_keyframes(keyframes, length, (height, width), policy)
            images, mask = convert.to_images(clip.frames), convert.from_mask(clip.mask)
            return io.NodeOutput(runtime.to_intermediate(images), runtime.to_intermediate(mask))


class VDTSampleClip(io.ComfyNode):
    """The source of a graph: one combo switches between the pack's clips and one's own."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="VDTSampleClip",
            display_name="VDT Sample Clip",
            category="VDT",
            description="The clip that a graph works on: a small one that comes with this pack, so that graphs run at "
            "once, or a video of your own: drop it on the editor or on this node.",
            search_aliases=["example video", "test clip", "load video", "own clip", "video upload"],
            inputs=[
                io.Combo.Input(
                    "clip",
                    options=[*_sample_clips(), *own_clips.own_clips()],
                    tooltip="First those of the pack, 16 frames each, none seen in training: a ball is thrown, rolls "
                    "into a cylinder, stops before it, or meets another one. Then the videos of ComfyUI's input "
                    "folder: what you drop, or choose with the button, goes there.",
                ),
            ],
            outputs=[
                io.Image.Output(
                    "images",
                    display_name="images",
                    tooltip="The frames. Of a long video of your own only the first: connect `video` for the others.",
                ),
                io.Float.Output("fps", display_name="fps", tooltip="Frames a second, for VDT Encode and Create Video."),
                io.Video.Output(
                    "video",
                    display_name="video",
                    tooltip="The clip as a video, with its sound, for VDT Encode, which reads only what it needs.",
                ),
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def validate_inputs(cls, clip: str | None = None) -> bool | str:
        """Before anything runs: files come and go, so that the list that an editor holds may be old."""
        return True if clip is None or _clip_file(clip) is not None else _no_clip(clip)

    @classmethod
    def fingerprint_inputs(cls, clip: str | None = None) -> str:
        return files.stamp(_clip_file(clip))

    @classmethod
    def execute(cls, clip: str) -> io.NodeOutput:
        with runtime.named("VDT Sample Clip"):
            path = _clip_file(clip)
            if path is None:
                raise ValueError(_no_clip(clip))
            info = probe(path)
            frames, is_cut = own_clips.held_frames(path, info)
            note = f"images are the first {len(frames)} frames: connect video to VDT Encode for the others"
            runtime.announce(cls.hidden, note if is_cut else "")
            images = runtime.to_intermediate(convert.to_images(frames))
            return io.NodeOutput(images, float(info.fps or 0), InputImpl.VideoFromFile(str(path)))


class VDTScene(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="VDTScene",
            display_name="VDT Scene",
            category="VDT",
            description="Simulate and film a random scene of the world that the bundled model knows. Needs MuJoCo.",
            search_aliases=["physics", "mujoco", "simulate"],
            inputs=[
                seed_input(
                    "Default: 0. A seed gives the same scene for ever, and none that the bundled model has seen."
                ),
                io.Combo.Input(
                    "family",
                    options=FAMILIES,
                    default="any",
                    tooltip="Default: any. projectile: a thrown ball bounces. roll_collide: a ball rolls into a "
                    "cylinder. roll_stop: it may stop before. two_balls: two of them collide.",
                ),
                io.Int.Input("length", default=16, min=1, max=1024, tooltip="Default: 16 frames, at 20 a second."),
                io.Int.Input(
                    "size",
                    default=64,
                    min=16,
                    max=1024,
                    step=16,
                    tooltip="Default: 64 pixels a side. Rendering takes longer with the area.",
                ),
            ],
            outputs=[
                io.Image.Output("images", display_name="images", tooltip="The frames."),
                io.Float.Output("fps", display_name="fps", tooltip="Frames a second."),
            ],
        )

    @classmethod
    def execute(cls, seed: int, family: str, length: int, size: int) -> io.NodeOutput:
        with runtime.named("VDT Scene"):
            frames, fps = _film(seed, family, length, size)
            return io.NodeOutput(runtime.to_intermediate(convert.to_images(frames)), fps)


def _film(seed: int, family: str, length: int, size: int) -> tuple[np.ndarray, float]:
    """Frames uint8 (length, size, size, 3) of the scene of a seed, and their rate."""
    from ..vdt.physics.scenes import FPS, render_scene, scene_seeds

    families = None if family == "any" else [family]
    (scene,) = scene_seeds("test", 1, families=families, start=seed % SCENES)
    return render_scene(scene, size=size, num_frames=length).frames, float(FPS)


def _sample_clips() -> list[str]:
    return sorted(path.stem for path in CLIPS.glob("*.mp4"))


def _clip_file(name: str | None) -> Path | None:
    """The file of a sample clip, or of a video in ComfyUI's folders; None for a name that is none."""
    return CLIPS / f"{name}.mp4" if name in _sample_clips() else own_clips.own_clip_file(name)


def _no_clip(name: str) -> str:
    samples = ", ".join(_sample_clips())
    return f"there is no clip {shown(name)}: choose {samples}, or drop a video on the node"


def _place_tip(number: int, default: str) -> str:
    return (
        f"Where image_{number} stands. Default: {default}. From 0 on: its first frame; negative, from the end: its "
        f"last frame, so that a clip at -1 ends the whole."
    )
