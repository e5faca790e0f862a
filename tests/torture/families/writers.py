"""Everything that writes a file, each with a file name and what it needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from .material import save_tiny, square, tiny_model, tiny_vae, write_clip


@dataclass(frozen=True)
class Writer:
    """The name of its file, and the writing."""

    file: str
    write: Callable[[Path], Any]


class Writers:
    """Writers whose sources lie in a folder of their own, loaded before anything is written."""

    def __init__(self, folder: Path) -> None:
        import cProfile  # noqa: F401 - a user without rights could not import what torch imports late
        import tempfile

        import torch
        import torch._dynamo

        from vdt.training import state  # noqa: F401
        from vdt.visualize import contact_sheet  # noqa: F401
        from vdt_studio.media import images, video  # noqa: F401

        tempfile.gettempdir()  # found out before nothing can be written
        folder.mkdir(parents=True)
        self.folder = folder
        save_tiny(folder)
        write_clip(folder / "clip.mp4", sound=True)
        self.model, self.vae = tiny_model(), tiny_vae()
        official = {key: value for key, value in self.model.state_dict().items() if "mask" not in key}
        torch.save({"ema": official}, folder / "official.pt")
        self.all = {
            "video": Writer("out.mp4", self._video),
            "text": Writer("out.json", self._text),
            "model": Writer("model.safetensors", self._model),
            "VAE": Writer("vae.safetensors", self._vae),
            "training state": Writer("state.safetensors", self._state),
            "contact sheet": Writer("sheet.png", self._sheet),
            "animation": Writer("out.gif", self._animation),
            "converted": Writer("out.safetensors", self._converted),
            "studio video": Writer("studio.mp4", self._studio_video),
            "studio copy": Writer("copy.mp4", self._studio_copy),
            "studio pictures": Writer("clip_00001_.png", self._pictures),
        }

    def _video(self, path: Path) -> None:
        from vdt.media.video import write_video

        write_video(path, square(12, 120, 160), 8)

    def _text(self, path: Path) -> None:
        from vdt.media.files import write_text

        write_text("a line\n" * 5000, path)

    def _model(self, path: Path) -> None:
        from vdt.checkpoints import save_model

        save_model(self.model, self.model.config, path)

    def _vae(self, path: Path) -> None:
        from vdt.checkpoints import save_vae

        save_vae(self.vae, self.vae.config, path)

    def _state(self, path: Path) -> None:
        from vdt.training.loop import new_state
        from vdt.training.recipe import OptimRecipe

        new_state(self.model, OptimRecipe(), 0).save(path, "{}")

    def _sheet(self, path: Path) -> None:
        from vdt.visualize.contact_sheet import Row, contact_sheet

        contact_sheet([Row(label="output", frames=square(8), generated=[False] * 8)], path)

    def _animation(self, path: Path) -> None:
        from vdt.media.files import atomic_path
        from vdt.visualize.animation import write_gif

        data = write_gif(square(8), 8)
        with atomic_path(path) as temporary:
            temporary.write_bytes(data)

    def _converted(self, path: Path) -> None:
        from vdt.checkpoints import convert_official

        convert_official(self.folder / "official.pt", path, num_heads=4)

    def _studio_video(self, path: Path) -> None:
        import torch

        from vdt_studio.media import video as media

        media.write(
            path, torch.from_numpy(square(12)).float() / 255, Fraction(8), metadata={"prompt": {"1": "x" * 2000}}
        )

    def _studio_copy(self, path: Path) -> None:
        from vdt_studio.media import video as media

        media.copy(self.folder / "clip.mp4", path, {"prompt": "{}"})

    def _pictures(self, path: Path) -> None:
        """Pictures get the next free number, so what is there is never in the way."""
        import torch

        from vdt_studio.media.images import save_pngs

        save_pngs(torch.rand(1, 64, 64, 3, generator=torch.Generator().manual_seed(0)), path.parent, "clip")
