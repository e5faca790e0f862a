"""Inputs and outputs of a schema: what they are called on the wire, and with which options."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any


class NumberDisplay(str, Enum):
    """How a number is edited."""

    number = "number"
    slider = "slider"


class UploadType(str, Enum):
    """Which upload button stands under a list of files; the value is the option's name on the wire."""

    image = "image_upload"
    audio = "audio_upload"
    video = "video_upload"
    model = "file_upload"


class FolderType(str, Enum):
    """A folder that a result may lie in."""

    input = "input"
    output = "output"
    temp = "temp"


class Input:
    """An input with a socket only."""

    io_type = "*"

    def __init__(
        self,
        id: str,
        display_name: str | None = None,
        optional: bool = False,
        tooltip: str | None = None,
        lazy: bool | None = None,
        extra_dict: dict[str, Any] | None = None,
        raw_link: bool | None = None,
        advanced: bool | None = None,
    ) -> None:
        self.id = id
        self.optional = optional
        self.options: dict[str, Any] = {
            "display_name": display_name,
            "tooltip": tooltip,
            "lazy": lazy,
            "rawLink": raw_link,
            "advanced": advanced,
            **(extra_dict or {}),
        }

    def as_dict(self) -> dict[str, Any]:
        """The options as object_info has them; those that were not said are left out."""
        return {name: value for name, value in self.options.items() if value is not None}

    def get_io_type(self) -> str:
        return self.io_type


class WidgetInput(Input):
    """An input that can be edited on the node itself; common options are keywords of `Input`."""

    def __init__(
        self,
        id: str,
        display_name: str | None = None,
        optional: bool = False,
        tooltip: str | None = None,
        lazy: bool | None = None,
        default: Any = None,
        *,
        socketless: bool | None = None,
        force_input: bool | None = None,
        extra_dict: dict[str, Any] | None = None,
        raw_link: bool | None = None,
        advanced: bool | None = None,
        **own: Any,
    ) -> None:
        super().__init__(id, display_name, optional, tooltip, lazy, extra_dict, raw_link, advanced)
        self.options |= {"default": default, "socketless": socketless, "forceInput": force_input, **own}


class BooleanInput(WidgetInput):
    """A switch."""

    def __init__(
        self, id: str, *args: Any, label_on: str | None = None, label_off: str | None = None, **kw: Any
    ) -> None:
        super().__init__(id, *args, label_on=label_on, label_off=label_off, **kw)


class IntInput(WidgetInput):
    """A whole number."""

    def __init__(
        self,
        id: str,
        display_name: str | None = None,
        optional: bool = False,
        tooltip: str | None = None,
        lazy: bool | None = None,
        default: int | None = None,
        min: int | None = None,
        max: int | None = None,
        step: int | None = None,
        control_after_generate: bool | None = None,
        display_mode: NumberDisplay | None = None,
        **kw: Any,
    ) -> None:
        super().__init__(id, display_name, optional, tooltip, lazy, default, **kw)
        self.options |= {"min": min, "max": max, "step": step, "control_after_generate": control_after_generate}
        self.options["display"] = display_mode and display_mode.value


class FloatInput(WidgetInput):
    """A number."""

    def __init__(
        self,
        id: str,
        display_name: str | None = None,
        optional: bool = False,
        tooltip: str | None = None,
        lazy: bool | None = None,
        default: float | None = None,
        min: float | None = None,
        max: float | None = None,
        step: float | None = None,
        round: float | None = None,
        display_mode: NumberDisplay | None = None,
        **kw: Any,
    ) -> None:
        super().__init__(id, display_name, optional, tooltip, lazy, default, **kw)
        self.options |= {"min": min, "max": max, "step": step, "round": round}
        self.options["display"] = display_mode and display_mode.value


class StringInput(WidgetInput):
    """A text; `multiline` is always said."""

    def __init__(
        self,
        id: str,
        display_name: str | None = None,
        optional: bool = False,
        multiline: bool = False,
        placeholder: str | None = None,
        tooltip: str | None = None,
        lazy: bool | None = None,
        default: str | None = None,
        dynamic_prompts: bool | None = None,
        **kw: Any,
    ) -> None:
        super().__init__(id, display_name, optional, tooltip, lazy, default, **kw)
        self.options |= {"multiline": multiline, "placeholder": placeholder, "dynamicPrompts": dynamic_prompts}


class ComboInput(WidgetInput):
    """A choice; `options` may be an Enum, whose values are the choices."""

    def __init__(
        self,
        id: str,
        options: Sequence[Any] | type[Enum] | None = None,
        display_name: str | None = None,
        optional: bool = False,
        tooltip: str | None = None,
        lazy: bool | None = None,
        default: Any = None,
        control_after_generate: bool | None = None,
        upload: UploadType | None = None,
        image_folder: FolderType | None = None,
        **kw: Any,
    ) -> None:
        multiselect = kw.pop("multiselect", False)
        super().__init__(id, display_name, optional, tooltip, lazy, _plain(default), **kw)
        choices = [_plain(option) for option in options] if options is not None else None
        self.options |= {"multiselect": multiselect, "options": choices}
        self.options |= {"control_after_generate": control_after_generate, "image_folder": _plain(image_folder)}
        if upload is not None:
            self.options[upload.value] = True


class MultiComboInput(ComboInput):
    """Several choices of a list; the value is a list."""

    def __init__(
        self,
        id: str,
        options: Sequence[Any],
        *args: Any,
        placeholder: str | None = None,
        chip: bool | None = None,
        **kw: Any,
    ) -> None:
        super().__init__(id, options, *args, multiselect=True, **kw)
        shown = {"placeholder": placeholder, "chip": chip}
        self.options["multi_select"] = {name: value for name, value in shown.items() if value is not None}


class Output:
    """An output; give it a display_name, or the editor shows its type."""

    io_type = "*"

    def __init__(
        self,
        id: str | None = None,
        display_name: str | None = None,
        tooltip: str | None = None,
        is_output_list: bool = False,
    ) -> None:
        self.id = id
        self.display_name = display_name
        self.tooltip = tooltip
        self.is_output_list = is_output_list


class _Socket:
    """A type on the wire, with its classes for both ends."""

    io_type: str
    Type = Any
    Input: type[Input]
    Output: type[Output]


def socket(io_type: str, base: type[Input] = Input) -> type[_Socket]:
    """Make a type: `socket("IMAGE").Input("images")`."""
    own = {
        "io_type": io_type,
        "Input": type("Input", (base,), {"io_type": io_type}),
        "Output": type("Output", (Output,), {"io_type": io_type}),
    }
    return type(io_type, (_Socket,), own)


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value
