"""Requests that queue, watch and stop prompts."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from ..engine import Validation, validate
from ..errors import GraphError
from ..graph.records import Graph, from_api
from ..limits import MAX_WAITING
from ..registry import Registry
from ..studio import Studio
from .jobs import Job, JobQueue
from .listing import as_history, as_job, as_job_details
from .requests import body_of, number_in, texts_in
from .wire import node_errors, refusal
from .work import json_off_loop, off_loop

_WHOLE = ("missing_node_type", "dependency_cycle")  # findings that stop a graph as a whole


class PromptRoutes:
    """/prompt, /queue, /history, /jobs, /interrupt."""

    def __init__(self, studio: Studio, queue: JobQueue) -> None:
        self._studio = studio
        self._queue = queue

    def table(self) -> list[web.RouteDef]:
        return [
            web.get("/prompt", self.remaining),
            web.post("/prompt", self.submit),
            web.get("/queue", self.queue),
            web.post("/queue", self.change_queue),
            web.get("/history", self.history),
            web.get("/history/{id}", self.history_of),
            web.post("/history", self.change_history),
            web.get("/jobs", self.jobs),
            web.get("/jobs/{id}", self.job),
            web.post("/jobs/{id}/cancel", self.cancel),
            web.post("/interrupt", self.interrupt),
            web.post("/free", self.free),
        ]

    async def remaining(self, request: web.Request) -> web.Response:
        return web.json_response({"exec_info": {"queue_remaining": self._queue.remaining()}})

    async def submit(self, request: web.Request) -> web.Response:
        """Validate a prompt and queue what of it can run."""
        body = await body_of(request)
        if not isinstance(body.get("prompt"), dict):
            return web.json_response(refusal("no_prompt", "No prompt provided"), status=400)
        if self._queue.remaining() >= MAX_WAITING:
            raise web.HTTPServiceUnavailable(text=f"{MAX_WAITING} prompts wait already: let some of them end")
        wanted = texts_in(body, "partial_execution_targets")
        number = number_in(body, "number", self._queue.number(front=bool(body.get("front"))))
        try:
            checked = await off_loop(self._check, body["prompt"])
        except GraphError as error:
            return web.json_response(refusal("invalid_prompt", str(error)), status=400)
        chosen = tuple(output for output in checked.found.outputs if wanted is None or output in wanted)
        if not chosen:
            return await json_off_loop(_refused, checked, status=400)
        extra, client = body.get("extra_data"), body.get("client_id")
        job = Job(
            id=_prompt_id(body.get("prompt_id")),
            number=number,
            graph=checked.found.graph,
            outputs=chosen,
            extra=extra if isinstance(extra, Mapping) else {},
            client=client if isinstance(client, str) else None,
        )
        self._queue.submit(job)
        return await json_off_loop(lambda: {"prompt_id": job.id, "number": job.number, "node_errors": checked.errors()})

    async def queue(self, request: web.Request) -> web.Response:
        running = self._queue.running()
        waiting = self._queue.waiting()
        return await json_off_loop(
            lambda: {
                "queue_running": [] if running is None else [running.as_queued],
                "queue_pending": [job.as_queued for job in waiting],
            }
        )

    async def change_queue(self, request: web.Request) -> web.Response:
        body = await body_of(request)
        if body.get("clear"):
            self._queue.drop()
        if (chosen := texts_in(body, "delete")) is not None:
            self._queue.drop(chosen)
        return web.Response()

    async def history(self, request: web.Request) -> web.Response:
        entries = list(self._queue.ended().values())
        limit = number_in(request.query, "max_items", len(entries))
        wanted = entries[-int(limit) :] if limit >= 1 else []
        return await json_off_loop(lambda: {job.id: as_history(job) for job in wanted})

    async def history_of(self, request: web.Request) -> web.Response:
        job = self._queue.ended().get(request.match_info["id"])
        return web.json_response({} if job is None else {job.id: as_history(job)})

    async def change_history(self, request: web.Request) -> web.Response:
        body = await body_of(request)
        if body.get("clear"):
            self._queue.forget()
        if (chosen := texts_in(body, "delete")) is not None:
            self._queue.forget(chosen)
        return web.Response()

    async def jobs(self, request: web.Request) -> web.Response:
        """A page of the list of jobs, newest first."""
        running = self._queue.running()
        known = [*self._queue.ended().values(), *([] if running is None else [running]), *self._queue.waiting()]
        wanted = {state for state in request.query.get("status", "").split(",") if state}
        listed = [job for job in reversed(known) if not wanted or job.state in wanted]
        offset = max(0, int(number_in(request.query, "offset", 0)))
        limit = max(0, int(number_in(request.query, "limit", len(listed))))
        page = {"offset": offset, "limit": limit, "total": len(listed), "has_more": offset + limit < len(listed)}
        shown = listed[offset : offset + limit]
        return await json_off_loop(lambda: {"jobs": [as_job(job) for job in shown], "pagination": page})

    async def job(self, request: web.Request) -> web.Response:
        job = self._queue.find(request.match_info["id"])
        if job is None:
            raise web.HTTPNotFound(text="there is no such job")
        return await json_off_loop(as_job_details, job)

    async def cancel(self, request: web.Request) -> web.Response:
        self._stop(request.match_info["id"])
        return web.json_response({"cancelled": True})

    async def interrupt(self, request: web.Request) -> web.Response:
        self._queue.interrupt((await body_of(request)).get("prompt_id"))
        return web.Response()

    async def free(self, request: web.Request) -> web.Response:
        if self._studio.engine.cache is not None and self._queue.remaining() == 0:
            self._studio.engine.cache.keep_only(())
        return web.Response()

    def _stop(self, job_id: str) -> None:
        self._queue.drop([job_id])
        self._queue.interrupt(job_id)

    def _check(self, prompt: dict[str, Any]) -> _Checked:
        graph, registry = from_api(prompt), self._studio.registry
        found = validate(graph, registry)
        return _Checked(graph=graph, found=found, outputs=_output_nodes(graph, registry) if found.problems else [])


def _output_nodes(graph: Graph, registry: Registry) -> list[str]:
    """The nodes that make what is kept, to which the errors of others are told."""
    classes = {node.class_type for node in graph}
    makes = {name for name in classes if (known := registry.get(name)) is not None and known.schema().is_output}
    return [node.id for node in graph if node.class_type in makes]


@dataclass(frozen=True, kw_only=True)
class _Checked:
    """A prompt with its verdict, and its nodes that save or show something."""

    graph: Graph
    found: Validation
    outputs: list[str]

    def errors(self) -> dict[str, Any]:
        return node_errors(self.graph, self.found.problems, self.outputs)


def _refused(checked: _Checked) -> dict[str, Any]:
    """The answer to a graph of which nothing can run: what is wrong with it as a whole, else findings by node."""
    problems = checked.found.problems
    whole = [problem for problem in problems if problem.node is None or problem.kind in _WHOLE]
    kind, sentence = "prompt_outputs_failed_validation", "Prompt outputs failed validation"
    answer = refusal(whole[0].kind, str(whole[0])) if whole else refusal(kind, sentence)
    return {**answer, "node_errors": checked.errors()}


def _prompt_id(wished: object) -> str:
    try:
        return str(uuid.UUID(wished)) if isinstance(wished, str) else str(uuid.uuid4())
    except ValueError:
        return str(uuid.uuid4())
