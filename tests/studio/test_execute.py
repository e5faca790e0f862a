"""The executor: order, lists, caching, memory, progress, interruption, errors."""

import gc
import weakref

import pytest
import torch

from vdt_studio import runtime
from vdt_studio.engine import Engine, NodeCached, NodeExecuted, NodeFailed, NodeProgress, NodeStarted
from vdt_studio.engine.order import Cycle, execution_order
from vdt_studio.errors import InvalidGraph, NodeError
from vdt_studio.runtime import InterruptProcessingException
from vdt_studio.shim.comfy import model_management
from vdt_studio.shim.comfy.progress import ProgressBar
from vdt_studio.shim.comfy_api.latest import io

NUMBER = {"value": 3, "seed": 0, "mode": "plain"}


def test_sources_run_before_their_readers(api, engine):
    graph = api(
        {
            "4": ("Show", {"value": ["3", 0]}),
            "3": ("Add", {"a": ["1", 0], "b": ["2", 0], "label": ""}),
            "2": ("Number", {**NUMBER, "value": 4}),
            "1": ("Number", NUMBER),
            "5": ("Number", NUMBER),  # nobody asks for it
        }
    )
    events = []
    result = engine.run(graph, listener=events.append)
    assert result.executed == ("1", "2", "3", "4")
    assert result.ui == {"4": {"value": [7]}}
    assert [type(event) for event in events] == [NodeStarted, NodeExecuted] * 4


def test_long_chains_need_no_recursion(api):
    nodes = {str(index): ("Add", {"a": [str(index - 1), 0], "label": ""}) for index in range(1, 5000)}
    graph = api({"0": ("Number", NUMBER), **nodes})
    assert execution_order(graph, ["4999"]) == [str(index) for index in range(5000)]
    with pytest.raises(Cycle):
        execution_order(api({"1": ("Add", {"a": ["1", 0]})}), ["1"])


def test_lists_spread_over_calls_and_short_ones_repeat(api, engine):
    graph = api(
        {
            "1": ("Spread", {"count": 3}),
            "2": ("Add", {"a": ["1", 0], "b": ["4", 0], "label": ""}),
            "3": ("Gather", {"items": ["2", 0]}),
            "4": ("Number", {**NUMBER, "value": 10}),
            "5": ("Show", {"value": ["1", 0]}),
        }
    )
    ui = engine.run(graph).ui
    assert ui["3"] == {"items": [10, 11, 12], "id": ["3"]}
    assert ui["5"] == {"value": [0, 1, 2]}


def test_an_empty_list_calls_nothing(api, engine, number_runs):
    graph = api({"1": ("Spread", {"count": 0}), "2": ("Show", {"value": ["1", 0]})})
    assert engine.run(graph).ui == {}


def test_only_what_changed_runs_again(api, cached_engine, number_runs):
    def run(value, label=""):
        nodes = {"1": ("Number", NUMBER), "2": ("Number", {**NUMBER, "value": value})}
        nodes |= {"3": ("Add", {"a": ["1", 0], "b": ["2", 0], "label": label}), "4": ("Show", {"value": ["3", 0]})}
        events = []
        result = cached_engine.run(api(nodes), listener=events.append)
        return result, [event.node_id for event in events if isinstance(event, NodeCached)]

    assert run(5)[0].executed == ("1", "2", "3", "4")
    again, told = run(5)
    assert again.executed == () and told == ["1", "2", "3", "4"]
    assert again.ui == {"4": {"value": [8]}}  # shown again
    assert run(6)[0].executed == ("2", "3", "4")
    assert run(6, label="x")[0].executed == ("3", "4")
    assert number_runs == [3, 5, 6]
    assert len(cached_engine.cache.results) == 4  # of the last run only


def test_without_a_cache_everything_runs(api, engine, number_runs):
    graph = api({"1": ("Number", NUMBER), "2": ("Show", {"value": ["1", 0]})})
    engine.run(graph), engine.run(graph)
    assert number_runs == [3, 3]


def test_fingerprints_are_compared_by_value(api, registry, cached_engine):
    count, left = [], []

    class File(io.ComfyNode):
        @classmethod
        def define_schema(cls):
            inputs = [io.String.Input("name"), io.Int.Input("wired", optional=True)]
            return io.Schema(node_id="File", inputs=inputs, is_output_node=True)

        @classmethod
        def fingerprint_inputs(cls, name, wired=None):
            assert wired is None
            return left.pop(0)

        @classmethod
        def execute(cls, name, wired=None):
            count.append(name)
            return io.NodeOutput()

    registry.add(File, module="tests")
    cases = (([1, 1], 1), ([1, 2], 2), ([float("nan")] * 2, 2), ([True, True], 1), ([{"a": 1}] * 2, 1))
    for number, (prints, runs) in enumerate(cases):
        count.clear()
        left[:] = prints
        graph = api({"1": ("Number", NUMBER), "2": ("File", {"name": f"file {number}", "wired": ["1", 0]})})
        cached_engine.run(graph), cached_engine.run(graph)
        assert len(count) == runs, prints


def test_memory_is_freed_after_the_last_reader(api, registry):
    alive = {}

    class Make(io.ComfyNode):
        @classmethod
        def define_schema(cls):
            return io.Schema(
                node_id="Make", inputs=[io.Image.Input("image", optional=True)], outputs=[io.Image.Output()]
            )

        @classmethod
        def execute(cls, image=None):
            alive["before"] = [name for name, ref in alive.get("refs", {}).items() if ref() is not None]
            made = torch.zeros(4, 4)
            alive.setdefault("refs", {})[len(alive.get("refs", {}))] = weakref.ref(made)
            return io.NodeOutput(made)

    registry.add(Make, module="tests")
    chain = {"0": ("Make", {}), **{str(i): ("Make", {"image": [str(i - 1), 0]}) for i in range(1, 6)}}
    Engine(registry).run(api({**chain, "9": ("PreviewAny", {"source": ["5", 0]})}))
    assert alive["before"] == [4]  # the sixth node finds its own source alive, and nothing older
    gc.collect()
    assert [ref() for ref in alive["refs"].values()] == [None] * 6


def test_errors_name_the_node_in_one_sentence(api, engine):
    data = {"7": ("Add", {"a": 1, "label": "fail"}), "9": ("Show", {"value": ["7", 0]})}
    events = []
    with pytest.raises(NodeError) as caught:
        engine.run(api(data), listener=events.append)
    assert str(caught.value) == "node 7 (Add): a and b do not fit"
    assert isinstance(caught.value.__cause__, ValueError)
    assert isinstance(events[-1], NodeFailed) and events[-1].error is caught.value
    with pytest.raises(InvalidGraph, match=r"node 9 \(Show\)"):
        engine.run(api({"9": ("Show", {})}))


def test_a_wrong_number_of_results_is_said(api, registry, engine):
    class Wrong(io.ComfyNode):
        @classmethod
        def define_schema(cls):
            return io.Schema(node_id="Wrong", outputs=[io.Int.Output()], is_output_node=True)

        @classmethod
        def execute(cls):
            cls.state = 1

    registry.add(Wrong, module="tests")
    with pytest.raises(NodeError, match="cannot be set while the node runs"):
        engine.run(api({"1": ("Wrong", {})}))
    Wrong.execute = classmethod(lambda cls: io.NodeOutput(1, 2))
    with pytest.raises(NodeError, match="2 values for 1 outputs"):
        engine.run(api({"1": ("Wrong", {})}))


@pytest.fixture
def worker(registry):
    class Work(io.ComfyNode):
        """Ten steps with a preview."""

        steps: list = []  # noqa: RUF012
        check = "bar"

        @classmethod
        def define_schema(cls):
            return io.Schema(node_id="Work", inputs=[io.String.Input("label", default="")], is_output_node=True)

        @classmethod
        def execute(cls, label):
            assert torch.is_inference_mode_enabled()
            bar = ProgressBar(10)
            for step in range(10):
                if label == "checks":
                    model_management.throw_exception_if_processing_interrupted()
                else:
                    bar.update_absolute(step + 1, 10, ("JPEG", "picture", 64))
                cls.steps.append(step)
            return io.NodeOutput()

    registry.add(Work, module="tests")
    return Work


def test_progress_reaches_the_listener(api, engine, worker):
    events = []
    engine.run(api({"4": ("Work", {"label": ""})}), listener=events.append)
    steps = [event for event in events if isinstance(event, NodeProgress)]
    assert [(event.node_id, event.value, event.maximum) for event in steps] == [("4", n, 10) for n in range(1, 11)]
    assert (steps[0].preview.format, steps[0].preview.image, steps[0].preview.max_size) == ("JPEG", "picture", 64)
    assert runtime.active_run() is None


def test_results_are_freed_with_their_run_and_not_when_python_collects_circles(api, engine, worker):
    runs = []
    gc.collect()
    gc.disable()
    try:
        engine.run(api({"4": ("Work", {"label": ""})}), listener=lambda event: runs.append(weakref.ref(engine._active)))
        assert runs and runs[0]() is None
    finally:
        gc.enable()


def test_interruption_stops_within_a_step(api, engine, worker):
    def stop(event):
        if isinstance(event, NodeProgress) and event.value == 3:
            engine.interrupt()

    with pytest.raises(InterruptProcessingException):
        engine.run(api({"4": ("Work", {"label": ""}), "5": ("Show", {"value": 1})}), listener=stop)
    assert worker.steps == [0, 1, 2]
    engine.run(api({"4": ("Work", {"label": ""})}))  # the next run is not interrupted


def test_nodes_that_only_check_stop_too(api, engine, worker):
    def stop(event):
        if isinstance(event, NodeStarted):
            model_management.interrupt_current_processing()

    with pytest.raises(InterruptProcessingException):
        engine.run(api({"4": ("Work", {"label": "checks"})}), listener=stop)
    assert worker.steps == []


def test_progress_outside_a_run_is_harmless():
    ProgressBar(3).update(1)
    model_management.throw_exception_if_processing_interrupted()


def test_hidden_values_and_v1_nodes(api, registry, engine):
    class Old:
        RETURN_TYPES = ()
        OUTPUT_NODE = True
        FUNCTION = "go"

        @classmethod
        def INPUT_TYPES(cls):  # noqa: N802
            hidden = {"me": "UNIQUE_ID", "prompt": "PROMPT", "extra": "EXTRA_PNGINFO"}
            return {"required": {"n": ("INT", {"default": 1})}, "hidden": hidden}

        def go(self, n, me, prompt, extra):
            return {"ui": {"got": [n, me, prompt, extra]}}

    registry.add(Old, module="tests", name="Old")
    graph = api({"8": ("Old", {"n": 2, "unknown": 5})})
    ui = engine.run(graph, extra_pnginfo={"workflow": {"a": 1}}).ui
    assert ui["8"]["got"] == [2, "8", graph.to_api(), {"workflow": {"a": 1}}]
