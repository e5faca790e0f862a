"""What a run learns from: clips from scenes or folders, their captions, and their latents, encoded once."""

from .latents import LatentClips, LatentSet

__all__ = ["LatentClips", "LatentSet"]
