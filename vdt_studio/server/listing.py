"""Jobs as the editor lists them: in the history, in the panel of jobs, and one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .jobs import Job


def as_history(job: Job) -> dict[str, Any]:
    """The entry of a job that has ended in the history."""
    done = job.state == "completed"
    meta = {node: {"node_id": node, "display_node": node, "parent_node": None, "real_node_id": node} for node in job.ui}
    return {
        "prompt": job.as_queued,
        "outputs": job.ui,
        "status": {"status_str": "success" if done else "error", "completed": done, "messages": job.messages},
        "meta": meta,
    }


def as_job(job: Job) -> dict[str, Any]:
    """The entry of a job in the editor's list of jobs."""
    shown = [{**file, "nodeId": node_id} for node_id, ui in job.ui.items() for file in _files(ui)]
    errors = [data for kind, data in job.messages if kind == "execution_error"]
    entry = {
        "id": job.id,
        "status": job.state,
        "create_time": job.created,
        "execution_start_time": job.started,
        "execution_end_time": job.ended,
        "preview_output": shown[-1] if shown else None,
        "outputs_count": len(shown),
        "previewable_outputs_count": len(shown),
        "priority": job.number,
        "workflow_id": _workflow_id(job),
    }
    return {**entry, "execution_error": errors[-1]} if errors else entry


def as_job_details(job: Job) -> dict[str, Any]:
    """What the editor asks of one job: its outputs and the workflow it came from."""
    return {
        **as_job(job),
        "outputs": job.ui,
        "execution_status": as_history(job)["status"],
        "workflow": {"prompt": job.graph.to_api(), "extra_data": dict(job.extra)},
    }


def _files(ui: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The pictures and videos that a node has announced."""
    animated = bool(ui.get("animated", (False,))[0])
    kind = "video" if animated else "images"
    return [{**file, "mediaType": kind} for file in ui.get("images", ()) if isinstance(file, Mapping)]


def _workflow_id(job: Job) -> str | None:
    workflow = job.pnginfo.get("workflow")
    return workflow.get("id") if isinstance(workflow, Mapping) else None
