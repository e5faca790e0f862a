"""One off-screen OpenGL context for many MuJoCo models: making one costs more than filming a whole clip."""

from __future__ import annotations

import atexit
import importlib
import os
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray


def import_mujoco() -> Any:
    """MuJoCo; ModuleNotFoundError says how to install it."""
    if sys.platform == "linux" and not os.environ.get("DISPLAY"):
        os.environ.setdefault("MUJOCO_GL", "osmesa")  # read when MuJoCo is imported
    try:
        import mujoco
    except ImportError as error:
        raise ModuleNotFoundError(
            "scenes need MuJoCo: pip install mujoco (and, on Linux, apt install libosmesa6)"
        ) from error
    return mujoco


def _context(pixels: int) -> Any:
    """An OpenGL context of the back end that MUJOCO_GL names, even if MuJoCo was imported before it was set."""
    backend = os.environ.get("MUJOCO_GL", "").lower()
    module = f"mujoco.{backend}" if backend in ("osmesa", "egl", "glfw") else "mujoco.gl_context"
    try:
        return importlib.import_module(module).GLContext(pixels, pixels)
    except (ImportError, AttributeError, RuntimeError) as error:
        raise OSError(
            f"no off-screen OpenGL through {module} ({error}): on Linux apt install libosmesa6, or set MUJOCO_GL"
        ) from error


class OffscreenRenderer:
    """Renders square images of models that share one structure: the same textures in number and size, equal planes."""

    def __init__(self, model: Any, pixels: int) -> None:
        self.mujoco = import_mujoco()
        self.pixels = pixels
        self.gl = _context(pixels)
        atexit.register(self.gl.free)  # while OpenGL is still loaded
        self.gl.make_current()
        self.context = self.mujoco.MjrContext(model, self.mujoco.mjtFontScale.mjFONTSCALE_50)
        self.mujoco.mjr_setBuffer(self.mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self.context)
        self.viewport = self.mujoco.MjrRect(0, 0, pixels, pixels)

    def open(self, model: Any) -> None:
        """Take another model of the same structure."""
        self.gl.make_current()
        for texture in range(model.ntex):
            self.mujoco.mjr_uploadTexture(model, self.context, texture)
        self.model = model
        self.scene = self.mujoco.MjvScene(model, maxgeom=64)
        self.camera = self.mujoco.MjvCamera()
        self.camera.type, self.camera.fixedcamid = self.mujoco.mjtCamera.mjCAMERA_FIXED, 0
        self.option = self.mujoco.MjvOption()

    def film(self, data: Any) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Image (P,P,3) and the geom id of every pixel (P,P), -1 for sky."""
        catch_all = self.mujoco.mjtCatBit.mjCAT_ALL
        self.mujoco.mjv_updateScene(self.model, data, self.option, None, self.camera, catch_all, self.scene)
        image = self._read(segmentation=False)
        code = self._read(segmentation=True).astype(np.int64)
        index = code[..., 0] + 256 * code[..., 1] + 65536 * code[..., 2]
        geom_ids = np.array([-1, *(self.scene.geoms[i].objid for i in range(self.scene.ngeom))])
        return image, geom_ids[index]

    def _read(self, *, segmentation: bool) -> NDArray[np.uint8]:
        flags = self.mujoco.mjtRndFlag
        self.scene.flags[flags.mjRND_SEGMENT] = self.scene.flags[flags.mjRND_IDCOLOR] = segmentation
        image = np.empty((self.pixels, self.pixels, 3), np.uint8)
        self.mujoco.mjr_render(self.viewport, self.scene, self.context)
        self.mujoco.mjr_readPixels(image, None, self.viewport, self.context)
        return image[::-1]  # OpenGL counts rows from the bottom


_RENDERERS: dict[int, OffscreenRenderer] = {}  # by size; each worker process films with its own


def renderer_for(model: Any, pixels: int) -> OffscreenRenderer:
    """This process' renderer of a size, opened on the model."""
    if pixels not in _RENDERERS:
        _RENDERERS[pixels] = OffscreenRenderer(model, pixels)
    _RENDERERS[pixels].open(model)
    return _RENDERERS[pixels]
