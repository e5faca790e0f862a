"""The nodes: thin adapters between ComfyUI's graph and the library."""

from __future__ import annotations

from comfy_api import latest
from comfy_api.latest import ComfyExtension, io

from . import replacements
from .arrange import VDTConnect, VDTOutpaint, VDTSlowMotion
from .clips import VDTKeyframes, VDTSampleClip, VDTScene
from .control import VDTMaskToControl
from .host import exports, files
from .latents import VDTDecode, VDTEncode
from .loaders import VDTConditioning, VDTLoadModel, VDTLoadVAE
from .masks import VDTMask, VDTMaskCombine
from .report import VDTReport
from .sampler import VDTExtend, VDTSampler
from .save import VDTSaveVideo
from .text import VDTTextEncode


class VDTExtension(ComfyExtension):
    """All nodes of the pack; their ids, inputs and outputs never change, new ones are appended."""

    async def on_load(self) -> None:
        """Newer hosts call this first; ComfyUI 0.3.64 and the studio do not."""
        await replacements.register(latest)

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        files.register_model_folder()
        files.bring_painted_picture()
        exports.register()
        return [
            VDTLoadModel,
            VDTLoadVAE,
            VDTConditioning,
            VDTEncode,
            VDTDecode,
            VDTMask,
            VDTMaskCombine,
            VDTSampler,
            VDTKeyframes,
            VDTSampleClip,
            VDTScene,
            VDTReport,
            VDTExtend,
            VDTSaveVideo,
            VDTConnect,
            VDTSlowMotion,
            VDTOutpaint,
            VDTMaskToControl,
            VDTTextEncode,
        ]
