"""Flags that belong to one task, or a few: which those are is read from the table of tasks in the library."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .options import finite, positive

SIDES = ("left", "top", "right", "bottom")
OWNERS = {"before": "extend", "second": "connect", **dict.fromkeys(SIDES, "outpaint")}  # flags of one task alone


@dataclass(frozen=True)
class TaskFlag:
    """How the setting of a task is written on the command line."""

    name: str
    type: type
    metavar: str
    help: str


SETTINGS = {
    "given": TaskFlag("given", int, "K", "number of given frames"),
    "every": TaskFlag("every", int, "N", "distance of given frames"),
    "frame": TaskFlag("frame", int, "I", "where the image stands"),
    "given_frames": TaskFlag("known", str, "LIST", "given frames, such as 0-3,8,-1"),
    "mask": TaskFlag("mask", Path, "FILE", "image or video, white = generate"),
}


def clip_tasks() -> dict[str, str | None]:
    """Tasks that complete a clip in memory, each with its setting; random frames are for graphs and training."""
    from ..masks import TASKS

    return {name: task.setting for name, task in TASKS.items() if name != "random"}


def own_settings() -> dict[str, str | None]:
    """The setting of every task that takes one from SETTINGS, or none at all."""
    return {**clip_tasks(), "slow_motion": "every"}


def all_tasks() -> tuple[str, ...]:
    """Every task of `vdt generate`."""
    from ..inference.video_jobs import VIDEO_TASKS

    return tuple(dict.fromkeys((*own_settings(), *VIDEO_TASKS, "outpaint")))


def add_setting_flags(group: Any, tasks: dict[str, str | None], **defaults: Any) -> None:
    """The flags of these tasks' settings; a value that is left out is None, or its default."""
    for setting in dict.fromkeys(filter(None, tasks.values())):
        flag = SETTINGS[setting]
        owners = ", ".join(task.replace("_", "-") for task in tasks if tasks[task] == setting)
        default = defaults.get(setting)
        shown = "" if default is None else f" (default: {default})"
        group.add_argument(
            f"--{flag.name}",
            type=flag.type,
            dest=setting,
            metavar=flag.metavar,
            default=default,
            help=f"{owners}: {flag.help}{shown}",
        )


def add_clip_flags(parser: argparse.ArgumentParser) -> None:
    """All flags that belong to some tasks of `vdt generate` only."""
    group = parser.add_argument_group("given frames")
    add_setting_flags(group, own_settings())
    group.add_argument("--second", type=Path, metavar="CLIP", help="connect: the clip to lead to")
    group.add_argument("--before", type=positive, metavar="N", help="extend: frames to add in front")
    group = parser.add_argument_group("outpaint: room around the picture")
    for side, whole in zip(SIDES, ("width", "height", "width", "height"), strict=True):
        group.add_argument(f"--{side}", type=finite, metavar="P", help=f"percent of the {whole}, 0 to 400 (default: 0)")


def check_task_flags(options: argparse.Namespace) -> None:
    """Refuse unknown tasks, and flags that belong to another task: they are never ignored."""
    task = options.task
    if task not in all_tasks():
        raise ValueError(f"unknown task {task!r}: expected one of {', '.join(all_tasks()).replace('_', '-')}")
    for name, owner in OWNERS.items():
        if getattr(options, name) is not None and task != owner:
            raise ValueError(f"--{name} has no meaning for the task {task}: it belongs to {owner}")
    for setting, flag in _foreign(task):
        if getattr(options, setting) is not None:
            raise ValueError(f"--{flag.name} has no meaning for the task {task}: {_instead(task)}")


def _foreign(task: str) -> Iterable[tuple[str, TaskFlag]]:
    own = own_settings().get(task)
    return [(setting, flag) for setting, flag in SETTINGS.items() if setting != own]


def _instead(task: str) -> str:
    """What a task takes in place of another's flag."""
    settings = own_settings()
    if task not in settings:
        return "all frames there are are given"
    own = settings[task]
    return f"it takes --{SETTINGS[own].name}" if own else "it takes none"
