"""Requests that queue, watch and stop prompts."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from ..engine import Validation, validate
from ..errors import GraphError
from ..graph.records import Graph, from_api
from ..studio import Studio
from .jobs import Job, JobQueue
from .listing import as_history, as_job, as_job_details
from .requests import body_of, number_in
from .wire import node_errors, refusal


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
        try:
            graph = from_api(body["prompt"])
        except GraphError as error:
            return web.json_response(refusal("invalid_prompt", str(error)), status=400)
        found = validate(graph, self._studio.registry)
        outputs = [node.id for node in graph if self._is_output(node.class_type)]
        wanted = body.get("partial_execution_targets")
        chosen = tuple(output for output in found.outputs if wanted is None or output in wanted)
        if not chosen:
            return web.json_response(_refused(graph, found, outputs), status=400)
        job = Job(
            id=_prompt_id(body.get("prompt_id")),
            number=number_in(body, "number", self._queue.number(front=bool(body.get("front")))),
            graph=found.graph,
            outputs=chosen,
            extra=body["extra_data"] if isinstance(body.get("extra_data"), Mapping) else {},
            client=body.get("client_id"),
        )
        self._queue.submit(job)
        errors = node_errors(graph, found.problems, outputs)
        return web.json_response({"prompt_id": job.id, "number": job.number, "node_errors": errors})

    async def queue(self, request: web.Request) -> web.Response:
        running = self._queue.running()
        return web.json_response(
            {
                "queue_running": [] if running is None else [running.as_queued],
                "queue_pending": [job.as_queued for job in self._queue.waiting()],
            }
        )

    async def change_queue(self, request: web.Request) -> web.Response:
        body = await body_of(request)
        if body.get("clear"):
            self._queue.drop()
        if isinstance(body.get("delete"), list):
            self._queue.drop([str(job_id) for job_id in body["delete"]])
        return web.Response()

    async def history(self, request: web.Request) -> web.Response:
        entries = list(self._queue.ended().values())
        limit = number_in(request.query, "max_items", len(entries))
        return web.json_response({job.id: as_history(job) for job in entries[-int(limit) :]} if limit > 0 else {})

    async def history_of(self, request: web.Request) -> web.Response:
        job = self._queue.ended().get(request.match_info["id"])
        return web.json_response({} if job is None else {job.id: as_history(job)})

    async def change_history(self, request: web.Request) -> web.Response:
        body = await body_of(request)
        if body.get("clear"):
            self._queue.forget()
        if isinstance(body.get("delete"), list):
            self._queue.forget([str(job_id) for job_id in body["delete"]])
        return web.Response()

    async def jobs(self, request: web.Request) -> web.Response:
        """A page of the list of jobs, newest first."""
        running = self._queue.running()
        known = [*self._queue.ended().values(), *([] if running is None else [running]), *self._queue.waiting()]
        wanted = {state for state in request.query.get("status", "").split(",") if state}
        listed = [as_job(job) for job in reversed(known) if not wanted or job.state in wanted]
        offset = max(0, int(number_in(request.query, "offset", 0)))
        limit = max(0, int(number_in(request.query, "limit", len(listed))))
        page = {"offset": offset, "limit": limit, "total": len(listed), "has_more": offset + limit < len(listed)}
        return web.json_response({"jobs": listed[offset : offset + limit], "pagination": page})

    async def job(self, request: web.Request) -> web.Response:
        job = self._queue.find(request.match_info["id"])
        if job is None:
            raise web.HTTPNotFound(text="there is no such job")
        return web.json_response(as_job_details(job))

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

    def _is_output(self, class_type: str) -> bool:
        known = self._studio.registry.get(class_type)
        return known is not None and known.schema().is_output


def _refused(graph: Graph, found: Validation, outputs: list[str]) -> dict[str, Any]:
    """The answer to a graph of which nothing can run: what is wrong with it as a whole, else findings by node."""
    whole = [problem for problem in found.problems if problem.node is None or problem.kind == "missing_node_type"]
    kind, sentence = "prompt_outputs_failed_validation", "Prompt outputs failed validation"
    answer = refusal(whole[0].kind, str(whole[0])) if whole else refusal(kind, sentence)
    return {**answer, "node_errors": node_errors(graph, found.problems, outputs)}


def _prompt_id(wished: object) -> str:
    try:
        return str(uuid.UUID(str(wished)))
    except ValueError:
        return str(uuid.uuid4())
