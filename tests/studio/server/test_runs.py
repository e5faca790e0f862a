"""Runs over the wire: messages and their order, errors on the right node, queue, history, jobs, interruption."""

import json
import struct
import uuid

GRAPH = {
    "1": {"class_type": "Slow", "inputs": {"steps": 2}},
    "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
}


def with_steps(steps):
    return {**GRAPH, "1": {"class_type": "Slow", "inputs": {"steps": steps}}}


def kinds(messages):
    """Types in order, without the queue's status, which may come at any moment."""
    return [kind for kind, _ in messages if kind not in ("status", "feature_flags")]


async def run(visitor, graph, **extra):
    """Queue a graph, wait for its end; the answer and all messages."""
    socket = await visitor.listen()
    code, answer = await visitor.post("/prompt", {"prompt": graph, "client_id": "me", **extra})
    assert code == 200, answer
    return answer, await visitor.until_idle(socket)


def test_a_run_is_told_in_the_order_of_the_real_server(host):
    async def scenario(visitor):
        answer, messages = await run(visitor, GRAPH)
        assert answer["node_errors"] == {} and uuid.UUID(answer["prompt_id"])
        node = ["progress_state", "executing"]
        step = ["progress_state", "binary", "progress"]
        assert kinds(messages) == [
            *("execution_start", "execution_cached"),
            *(*node, *step, *step, "progress_state"),
            *(*node, "executed", "progress_state"),
            *("execution_success", "executing"),
        ]
        data = [data for kind, data in messages if kind == "executed"]
        assert data[0]["node"] == "2" and data[0]["output"]["images"][0]["type"] == "temp"
        assert all(d["prompt_id"] == answer["prompt_id"] for k, d in messages if k.startswith("exec"))

    host(scenario)


def test_the_second_run_is_cached_and_shows_its_outputs_again(host):
    async def scenario(visitor):
        await run(visitor, GRAPH)
        _, messages = await run(visitor, GRAPH)
        assert kinds(messages) == [
            "execution_start",
            "execution_cached",
            "executed",
            "execution_success",
            "executing",
        ]
        assert [sorted(data["nodes"]) for kind, data in messages if kind == "execution_cached"] == [["1", "2"]]

    host(scenario)


def test_previews_come_with_metadata_only_to_clients_that_asked(host):
    async def scenario(visitor):
        old, new = await visitor.listen("me", with_metadata=False), await visitor.listen("other")
        await visitor.post("/prompt", {"prompt": GRAPH})  # for no client: for all
        plain = [data for kind, data in await visitor.until_idle(old) if kind == "binary"]
        rich = [data for kind, data in await visitor.until_idle(new) if kind == "binary"]
        assert [struct.unpack(">II", data[:8]) for data in plain] == [(1, 1)] * 2
        kind, length = struct.unpack(">II", rich[0][:8])
        told = json.loads(rich[0][8 : 8 + length])
        assert kind == 4 and told["node_id"] == told["display_node_id"] == "1" and told["image_type"] == "image/jpeg"
        picture = rich[0][8 + length :]
        assert picture == plain[0][8:] and picture.startswith(b"\xff\xd8")

    host(scenario)


def test_an_error_names_its_node_and_the_queue_goes_on(host):
    async def scenario(visitor):
        answer, messages = await run(visitor, with_steps(3))
        (error,) = [data for kind, data in messages if kind == "execution_error"]
        assert (error["node_id"], error["node_type"], error["exception_type"]) == ("1", "Slow", "ValueError")
        assert error["exception_message"] == "an odd number of steps: use an even one" and error["traceback"]
        _, history = await visitor.get(f"/history/{answer['prompt_id']}")
        assert history[answer["prompt_id"]]["status"]["status_str"] == "error"
        _, jobs = await visitor.get("/jobs?status=failed")
        assert jobs["jobs"][0]["execution_error"]["node_id"] == "1"
        _, messages = await run(visitor, with_steps(4))
        assert "execution_success" in kinds(messages)

    host(scenario)


def test_a_prompt_that_cannot_run_is_refused_with_findings_by_node(host):
    async def scenario(visitor):
        code, answer = await visitor.post("/api/prompt", {"prompt": with_steps(0)})
        assert code == 400 and answer["error"]["type"] == "prompt_outputs_failed_validation"
        (found,) = answer["node_errors"]["1"]["errors"]
        assert found["type"] == "value_smaller_than_min" and found["extra_info"]["input_name"] == "steps"
        assert answer["node_errors"]["1"]["dependent_outputs"] == ["2"]
        for body, kind in (({}, "no_prompt"), ({"prompt": {}}, "invalid_prompt"), ({"prompt": 3}, "no_prompt")):
            code, answer = await visitor.post("/prompt", body)
            assert code == 400 and answer["error"]["type"] == kind
        code, answer = await visitor.post("/prompt", {"prompt": {"1": {"class_type": "Absent", "inputs": {}}}})
        assert code == 400 and answer["error"]["type"] == "missing_node_type" and "Absent" in answer["error"]["message"]
        code, _ = await visitor.post("/prompt", data=b"{broken")
        assert code == 400
        assert (await visitor.get("/queue"))[1] == {"queue_running": [], "queue_pending": []}

    host(scenario)


def test_what_can_run_runs_and_the_rest_is_said(host):
    async def scenario(visitor):
        graph = {**GRAPH, "3": {"class_type": "PreviewImage", "inputs": {}}}
        answer, messages = await run(visitor, graph)
        assert list(answer["node_errors"]) == ["3"]
        assert [data["node"] for kind, data in messages if kind == "executed"] == ["2"]

    host(scenario)


def test_interrupting_stops_the_run_and_names_the_node(host):
    async def scenario(visitor):
        socket = await visitor.listen()
        _, answer = await visitor.post("/prompt", {"prompt": with_steps(100_000), "client_id": "me"})
        while (await socket.receive(timeout=900)).data is None or not (await visitor.get("/queue"))[1]["queue_running"]:
            pass
        await visitor.post("/interrupt", {"prompt_id": "another"})
        assert (await visitor.get("/queue"))[1]["queue_running"]
        await visitor.post("/interrupt", {"prompt_id": answer["prompt_id"]})
        messages = await visitor.until_idle(socket)
        (told,) = [data for kind, data in messages if kind == "execution_interrupted"]
        assert told["node_id"] in ("", "1")  # it may not have begun
        _, jobs = await visitor.get("/jobs?status=cancelled")
        assert [job["id"] for job in jobs["jobs"]] == [answer["prompt_id"]]

    host(scenario)


def test_jobs_wait_in_order_and_can_be_taken_out(host):
    async def scenario(visitor):
        socket = await visitor.listen()
        ids = []
        for steps, front in ((100_000, False), (2, False), (4, False), (6, True)):
            body = {"prompt": with_steps(steps), "front": front, "client_id": "me"}
            ids.append((await visitor.post("/prompt", body))[1]["prompt_id"])
            if len(ids) == 1:
                while not (await visitor.get("/queue"))[1]["queue_running"]:
                    pass
        _, queue = await visitor.get("/queue")
        assert [entry[1] for entry in queue["queue_pending"]] == [ids[3], ids[1], ids[2]]
        await visitor.post("/queue", {"delete": [ids[1]]})
        await visitor.post(f"/jobs/{ids[2]}/cancel")
        await visitor.post(f"/jobs/{ids[0]}/cancel")
        first, second = await visitor.until_idle(socket), await visitor.until_idle(socket)
        assert "execution_interrupted" in kinds(first) and "execution_success" in kinds(second)
        _, history = await visitor.get("/history")
        assert list(history) == [ids[0], ids[3]]
        _, jobs = await visitor.get("/jobs?limit=1&offset=0")
        assert [job["id"] for job in jobs["jobs"]] == [ids[3]] and jobs["pagination"]["has_more"]
        _, job = await visitor.get(f"/jobs/{ids[3]}")
        assert job["status"] == "completed" and job["outputs"]["2"]["images"] and job["preview_output"]["nodeId"] == "2"
        assert (await visitor.get("/jobs/none"))[0] == 404
        await visitor.post("/history", {"delete": [ids[0]]})
        assert list((await visitor.get("/history?max_items=5"))[1]) == [ids[3]]
        await visitor.post("/history", {"clear": True})
        assert (await visitor.get("/history"))[1] == {}

    host(scenario)


def test_saved_files_carry_the_workflow(host, folders):
    async def scenario(visitor):
        graph = {**GRAPH, "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "kept"}}}
        await run(visitor, graph, extra_data={"extra_pnginfo": {"workflow": {"id": "w", "nodes": []}}})
        from PIL import Image

        (path,) = folders.output.glob("kept*.png")
        assert json.loads(Image.open(path).text["workflow"])["id"] == "w"
        _, jobs = await visitor.get("/jobs")
        assert jobs["jobs"][0]["workflow_id"] == "w"

    host(scenario)
