"""Physion-like scenes: a seed gives the same simulated, rendered and annotated clip for ever."""

from .crop import crop_scene
from .dataset import load_clips, scene_chunks, scene_clips, scene_seeds, stream_clips
from .draw import draw_scene
from .ray_caster import cast_frames
from .render import SceneClip, render_scene
from .simulate import Motion, simulate
from .spec import FAMILIES, FPS, SPLITS, Family, SceneSpec, seeds_of

__all__ = [
    "FAMILIES",
    "FPS",
    "SPLITS",
    "Family",
    "Motion",
    "SceneClip",
    "SceneSpec",
    "cast_frames",
    "crop_scene",
    "draw_scene",
    "load_clips",
    "render_scene",
    "scene_chunks",
    "scene_clips",
    "scene_seeds",
    "seeds_of",
    "simulate",
    "stream_clips",
]
