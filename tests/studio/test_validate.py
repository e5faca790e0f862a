"""The findings of the validation: the server's kinds, one sentence each, on the right node."""

from vdt_studio.engine import validate
from vdt_studio.graph import read_workflow
from vdt_studio.shim.comfy_api.latest import io


def findings(graph, registry):
    return [(problem.kind, str(problem)) for problem in validate(graph, registry).problems]


def only(graph, registry):
    (found,) = findings(graph, registry)
    return found


SHOWN = {"9": ("Show", {"value": ["1", 0]})}


def test_values(api, registry):
    cases = (
        ({"value": 101}, "value_bigger_than_max", "the input value is 101, expected at most 100"),
        ({"value": -1}, "value_smaller_than_min", "expected at least 0"),
        ({"value": "many"}, "invalid_input_type", "takes INT, got 'many'"),
        ({"value": None}, "required_input_missing", "has no value"),
        ({"mode": "triple"}, "value_not_in_list", "expected one of plain, double"),
        ({"seed": float("inf")}, "invalid_input_type", "takes INT"),
    )
    for inputs, kind, part in cases:
        graph = api({"1": ("Number", {"value": 1, "seed": 0, "mode": "plain", **inputs}), **SHOWN})
        found, sentence = only(graph, registry)
        assert found == kind, inputs
        assert sentence.startswith("node 1 (Number): ") and part in sentence, inputs


def test_values_are_brought_into_their_type(api, registry):
    graph = api({"1": ("Number", {"value": "7", "seed": 3.0, "mode": "plain"}), **SHOWN})
    done = validate(graph, registry)
    assert done.problems == () and done.outputs == ("9",)
    assert done.graph["1"].inputs == {"value": 7, "seed": 3, "mode": "plain"}


def test_links(api, registry):
    missing = api({"9": ("Show", {"value": ["1", 0]})})
    assert only(missing, registry)[0] == "bad_linked_input"
    number = {"1": ("Number", {"value": 1, "seed": 0, "mode": "plain"})}
    assert only(api({**number, "9": ("Show", {"value": ["1", 1]})}), registry)[0] == "bad_linked_input"
    kind, sentence = only(api({**number, "9": ("PreviewImage", {"images": ["1", 0]})}), registry)
    assert kind == "return_type_mismatch"
    assert sentence == "node 9 (PreviewImage): the input images takes IMAGE, node 1 (Number) gives INT"
    assert only(api({"9": ("PreviewImage", {"images": "a.png"})}), registry)[0] == "bad_linked_input"


def test_a_missing_input_says_what_cut_it_off(canvas, registry):
    data = canvas([(1, "Grey", {"mode": 2}), (2, "PreviewImage", {})], [(1, 0, 2, "images", "IMAGE")])
    kind, sentence = only(read_workflow(data, registry).graph, registry)
    assert kind == "required_input_missing"
    assert sentence == "node 2 (PreviewImage): the input images (IMAGE) is missing: node 1 (Grey) is muted"


def test_any_type_takes_all(api, registry):
    graph = api({"1": ("Grey", {"value": 0.5, "frames": 1}), "2": ("PreviewAny", {"source": ["1", 0]})})
    assert findings(graph, registry) == []


def test_circles_are_found(api, registry):
    graph = api({"1": ("Add", {"a": ["2", 0], "label": ""}), "2": ("Add", {"a": ["1", 0], "label": ""}), **SHOWN})
    kind, sentence = only(graph, registry)
    assert kind == "dependency_cycle" and "circle" in sentence


def test_a_graph_needs_an_output(api, registry):
    assert only(api({"1": ("Number", {})}), registry)[0] == "prompt_no_outputs"


def test_unknown_nodes_are_named_plainly(api, canvas, registry):
    kind, sentence = only(api({"5": ("UNETLoader", {})}), registry)
    assert kind == "missing_node_type"
    assert sentence == (
        "node 5 (UNETLoader): this runner does not have the stock node UNETLoader: run this graph in ComfyUI"
    )
    stock = canvas([(6, "SomethingNew", {"properties": {"cnr_id": "comfy-core"}})])
    assert "the stock node SomethingNew" in only(read_workflow(stock, registry).graph, registry)[1]
    foreign = canvas([(6, "VHS_LoadVideo", {"properties": {"cnr_id": "comfyui-videohelpersuite"}})])
    assert "from the pack 'comfyui-videohelpersuite'" in only(read_workflow(foreign, registry).graph, registry)[1]


def test_good_outputs_survive_bad_ones(api, registry):
    graph = api({"1": ("Show", {"value": 1}), "2": ("Show", {"value": "x"})})
    done = validate(graph, registry)
    assert done.outputs == ("1",) and len(done.problems) == 1


class Checked(io.ComfyNode):
    """Names one of its inputs in its own check."""

    seen: dict = {}  # noqa: RUF012

    @classmethod
    def define_schema(cls):
        inputs = [io.Int.Input("own", max=10), io.Int.Input("other", max=10), io.Int.Input("wired", optional=True)]
        return io.Schema(node_id="Checked", inputs=inputs, is_output_node=True)

    @classmethod
    def validate_inputs(cls, own, wired=None):
        cls.seen["wired"] = wired
        return True if own < 1000 else "own is far too large"

    @classmethod
    def execute(cls, **inputs):
        return io.NodeOutput()


def test_a_nodes_own_check_replaces_the_general_one(api, registry):
    registry.add(Checked, module="tests")
    number = {"1": ("Number", {"value": 1, "seed": 0, "mode": "plain"})}
    build = lambda **inputs: api({**number, "2": ("Checked", {"own": 1, "other": 1, "wired": ["1", 0], **inputs})})  # noqa: E731
    assert findings(build(own=100), registry) == []  # beyond max, but named
    assert Checked.seen == {"wired": None}
    assert only(build(other=100), registry)[0] == "value_bigger_than_max"
    kind, sentence = only(build(own=1000), registry)
    assert (kind, sentence) == ("custom_validation_failed", "node 2 (Checked): own is far too large")


def test_an_own_check_names_the_input_that_its_sentence_speaks_of(api, registry):
    class Pair(Checked):
        @classmethod
        def validate_inputs(cls, own, other):
            return "other must be above own" if own > other else "one of them is wrong"

    registry.add(Pair, module="tests")
    for values, name in (({"own": 2, "other": 1}, "other"), ({"own": 1, "other": 2}, "own")):
        (problem,) = validate(api({"1": ("Checked", values)}), registry).problems
        assert (problem.kind, problem.input_name) == ("custom_validation_failed", name)


def test_files_are_checked_by_their_nodes(api, registry, folders):
    for kind, name in (("LoadImage", "image"), ("LoadVideo", "file")):
        output = {"2": ("PreviewAny", {"source": ["1", 0]})}
        for value in ("absent.png", "../absent.png"):
            found, sentence = only(api({"1": (kind, {name: value}), **output}), registry)
            assert found == "custom_validation_failed" and str(folders.input) in sentence


def test_long_lists_are_not_read_out(api, registry):
    class Many(io.ComfyNode):
        @classmethod
        def define_schema(cls):
            options = [f"model_{index}" for index in range(50)]
            return io.Schema(node_id="Many", inputs=[io.Combo.Input("name", options=options)], is_output_node=True)

    registry.add(Many, module="tests")
    _, sentence = only(api({"1": ("Many", {"name": "model-7"})}), registry)
    assert "50 choices such as model_7" in sentence and len(sentence) < 150
