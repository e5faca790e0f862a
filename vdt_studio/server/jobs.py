"""The queue: prompts wait, one thread runs them in order, and what came of them is kept."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..engine import Event, NodeCached
from ..errors import NodeError, sentence_of
from ..graph.records import Graph
from ..runtime import InterruptProcessingException
from ..studio import Studio
from .wire import Message, PreviewFrame, RunTranslator, now, status

MAX_HISTORY = 1000
Tell = Callable[[Message | PreviewFrame, str | None], None]  # a message, and the client it is for (None = all)


@dataclass(kw_only=True, eq=False)
class Job:
    """One prompt, and what became of it."""

    id: str
    number: float
    graph: Graph
    outputs: tuple[str, ...]
    extra: Mapping[str, Any]
    client: str | None = None
    state: str = "pending"  # then in_progress, and at last completed, failed or cancelled
    created: int = field(default_factory=now)
    started: int | None = None
    ended: int | None = None
    ui: dict[str, Any] = field(default_factory=dict)
    messages: list[list[Any]] = field(default_factory=list)
    stopping: bool = False

    @property
    def pnginfo(self) -> dict[str, Any]:
        """What its files carry beside the graph."""
        info = self.extra.get("extra_pnginfo")
        return dict(info) if isinstance(info, Mapping) else {}

    @property
    def as_queued(self) -> list[Any]:
        """The form in which queue and history list a prompt."""
        return [self.number, self.id, self.graph.to_api(), dict(self.extra), list(self.outputs)]


class JobQueue:
    """Runs jobs of one studio; every method may be called from any thread."""

    def __init__(self, studio: Studio, tell: Tell) -> None:
        self._studio = studio
        self._tell = tell
        self._changed = threading.Condition()
        self._pending: list[Job] = []
        self._running: Job | None = None
        self._ended: dict[str, Job] = {}
        self._count = 0
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="vdt-studio-jobs", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Stop the job in progress and the thread."""
        with self._changed:
            self._closing = True
            self._pending.clear()
            self._changed.notify_all()
        self._studio.engine.interrupt()
        self._thread.join(timeout=30)

    def number(self, *, front: bool) -> float:
        """The place of a new prompt: after all others, or before them."""
        with self._changed:
            self._count += 1
            return float(-self._count if front else self._count)

    def submit(self, job: Job) -> None:
        with self._changed:
            self._pending.append(job)
            self._pending.sort(key=lambda waiting: waiting.number)
            self._changed.notify_all()
        self._tell_status()

    def remaining(self) -> int:
        with self._changed:
            return len(self._pending) + (self._running is not None)

    def waiting(self) -> list[Job]:
        with self._changed:
            return list(self._pending)

    def running(self) -> Job | None:
        with self._changed:
            return self._running

    def ended(self) -> dict[str, Job]:
        """Jobs that have ended, oldest first."""
        with self._changed:
            return dict(self._ended)

    def find(self, job_id: str) -> Job | None:
        running = self.running()
        if running is not None and running.id == job_id:
            return running
        return self.ended().get(job_id) or next((job for job in self.waiting() if job.id == job_id), None)

    def interrupt(self, job_id: str | None = None) -> None:
        """Stop the job in progress, or only if it is this one."""
        running = self.running()
        if running is not None and job_id in (None, running.id):
            running.stopping = True  # for a run that is only about to begin
            self._studio.engine.interrupt()

    def drop(self, job_ids: list[str] | None = None) -> None:
        """Take jobs that wait out of the queue, all of them by default."""
        dropped = set(job_ids or ())
        with self._changed:
            self._pending = [job for job in self._pending if job_ids is not None and job.id not in dropped]
        self._tell_status()

    def forget(self, job_ids: list[str] | None = None) -> None:
        """Remove jobs from the history, all of them by default."""
        with self._changed:
            for job_id in list(self._ended) if job_ids is None else job_ids:
                self._ended.pop(job_id, None)

    # ---- The thread --------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._pending or self._closing)
                if self._closing:
                    return
                self._running = self._pending.pop(0)
            job = self._running
            self._run(job)
            with self._changed:
                self._running = None
                self._ended[job.id] = job
                while len(self._ended) > MAX_HISTORY:
                    del self._ended[next(iter(self._ended))]
            self._tell_status()
            self._tell(Message("executing", {"node": None, "prompt_id": job.id}), job.client)

    def _run(self, job: Job) -> None:
        translator = RunTranslator(job.id)
        job.state, job.started = "in_progress", now()
        self._log(job, "execution_start", {})
        cached: list[Event] = []
        told = False

        def listen(event: Event) -> None:
            nonlocal told
            if job.stopping:
                self._studio.engine.interrupt()
            if isinstance(event, NodeCached):
                cached.append(event)
                return
            if not told:
                told = True
                self._tell_cached(job, translator, cached)
            for message in translator.translate(event):
                self._tell(message, job.client)

        try:
            result = self._studio.engine.run(job.graph, outputs=job.outputs, extra_pnginfo=job.pnginfo, listener=listen)
        except InterruptProcessingException:
            job.state = "cancelled"
            self._log(
                job, "execution_interrupted", {**_place(job, translator.current), "executed": translator.executed}
            )
        except NodeError as error:
            job.state = "failed"
            self._log(job, "execution_error", {**_failure(error), "executed": translator.executed})
        except Exception as error:  # a defect of ours must not stop the queue
            job.state = "failed"
            self._log(job, "execution_error", _unforeseen(error))
        else:
            if not told:
                self._tell_cached(job, translator, cached)
            job.ui, job.state = dict(result.ui), "completed"
            self._log(job, "execution_success", {})
        job.ended = now()

    def _tell_cached(self, job: Job, translator: RunTranslator, cached: list[Event]) -> None:
        nodes = [event.node_id for event in cached]
        self._log(job, "execution_cached", {"nodes": nodes})
        for event in cached:
            for message in translator.translate(event):
                self._tell(message, job.client)

    def _log(self, job: Job, kind: str, data: Mapping[str, Any]) -> None:
        """Tell the client, and keep it for the history."""
        full = {**data, "prompt_id": job.id, "timestamp": now()}
        job.messages.append([kind, full])
        self._tell(Message(kind, full), job.client)

    def _tell_status(self) -> None:
        self._tell(status(self.remaining()), None)


def _place(job: Job, node_id: str) -> dict[str, Any]:
    node_type = job.graph[node_id].class_type if node_id in job.graph else ""
    return {"node_id": node_id, "node_type": node_type}


def _failure(error: NodeError) -> dict[str, Any]:
    cause = error.__cause__ or error
    return {
        "node_id": error.node.id,
        "node_type": error.node.class_type,
        "exception_message": error.sentence,
        "exception_type": type(cause).__name__,
        "traceback": traceback.format_tb(cause.__traceback__),
        "current_inputs": {},
        "current_outputs": [],
    }


def _unforeseen(error: Exception) -> dict[str, Any]:
    return {
        "node_id": "",
        "node_type": "",
        "exception_message": sentence_of(error),
        "exception_type": type(error).__name__,
        "traceback": traceback.format_tb(error.__traceback__),
        "executed": [],
        "current_inputs": {},
        "current_outputs": [],
    }
