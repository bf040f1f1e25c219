"""The queue: one radiograph at a time, cancelled ones leave nothing, and a fault costs its own radiograph alone."""

import json

import pytest
from servers import Scripted, ended, hand_in, served


@pytest.fixture
def outliner():
    return Scripted()


@pytest.fixture
def client(tmp_path, outliner, monkeypatch):
    monkeypatch.setattr("handbone_serve.work.measure", lambda folder: [])
    with served(tmp_path, outliner, most=4) as client:
        yield client
        outliner.go_on.set()


def states(client):
    return [(image["name"], image["state"], image["ahead"]) for image in client.get("/api/images").json()]


def test_one_is_worked_on_and_the_others_wait_their_turn(client, outliner):
    ids = [hand_in(client, name).json()["id"] for name in ("slow.png", "a.png", "b.png")]
    assert outliner.begun.wait(10)
    assert states(client) == [("slow.png", "outlining", 0), ("a.png", "queued", 1), ("b.png", "queued", 2)]
    outliner.go_on.set()
    assert [ended(client, id)["state"] for id in ids] == ["done"] * 3
    assert {image["ahead"] for image in client.get("/api/images").json()} == {0}


def test_what_waits_or_is_at_work_is_cancelled_and_leaves_nothing(client, outliner, tmp_path):
    slow, waiting, last = (hand_in(client, name).json()["id"] for name in ("slow.png", "a.png", "b.png"))
    assert outliner.begun.wait(10)
    for id in (slow, waiting):
        assert client.delete(f"/api/images/{id}").status_code == 204
        assert client.get(f"/api/images/{id}").status_code == 404
    outliner.go_on.set()
    assert ended(client, last)["state"] == "done"
    assert [path.name for path in tmp_path.iterdir()] == [last]
    assert client.delete(f"/api/images/{last}").status_code == 204 and list(tmp_path.iterdir()) == []


def test_a_fault_costs_its_radiograph_alone_and_tells_no_folder(client, tmp_path):
    bad, crash, good = (hand_in(client, name).json()["id"] for name in ("bad.png", "crash.png", "good.png"))
    assert ended(client, bad)["error"] == "bad.png: is cut"
    assert ended(client, crash)["error"] == "ZeroDivisionError: of crash.png"
    assert ended(client, good)["state"] == "done"
    assert str(tmp_path) not in client.get("/api/images").text
    answer = client.get(f"/api/images/{bad}/masks/png")
    assert answer.status_code == 409 and "failed" in answer.json()["detail"]


def test_no_more_are_taken_than_there_is_room_for(client):
    ids = [hand_in(client).json()["id"] for _ in range(4)]
    assert hand_in(client).status_code == 429
    client.delete(f"/api/images/{ids[0]}")
    assert hand_in(client).status_code == 202


def test_radiographs_are_gone_when_the_server_stops(tmp_path, monkeypatch):
    monkeypatch.setattr("handbone_serve.work.measure", lambda folder: [])
    with served(tmp_path, Scripted()) as client:
        hand_in(client)
        jobs = client.jobs
    assert all(job.state in ("done", "cancelled") for job in jobs.all())


def test_news_tell_each_change(tmp_path, monkeypatch):
    import asyncio

    from handbone_serve.jobs import Jobs

    monkeypatch.setattr("handbone_serve.work.measure", lambda folder: [])
    jobs = Jobs(tmp_path, Scripted())

    async def listen():
        told = []
        news = jobs.news()
        first = asyncio.ensure_future(anext(news))
        await asyncio.sleep(0)
        job = jobs.new("a.png")
        (job.folder / "image" / "a.png").write_bytes(b"x")
        jobs.add(job)
        jobs.start()
        told.append(await first)
        while told[-1] != (job, "done"):
            told.append(await anext(news))
        await news.aclose()
        assert told == [(job, state) for state in ("queued", "outlining", "measuring", "done")]
        assert jobs._listeners == set()

    asyncio.run(listen())
    jobs.stop()


def test_events_are_lines_that_a_browser_reads(tmp_path, monkeypatch):
    """Over a real connection, as the test client waits for an answer's end."""
    import threading

    import httpx
    import uvicorn
    from handbone_serve.app import make_app
    from handbone_serve.jobs import Jobs
    from servers import HEADERS, TOKEN

    monkeypatch.setattr("handbone_serve.work.measure", lambda folder: [])
    app = make_app(Jobs(tmp_path, Scripted()), token=TOKEN, hosts=["127.0.0.1"], max_bytes=10_000)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
    port = server.servers[0].sockets[0].getsockname()[1]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=HEADERS, timeout=20) as client:
        with client.stream("GET", "/api/events") as events:
            assert events.headers["content-type"].startswith("text/event-stream")
            lines = events.iter_lines()
            assert next(lines) == ": here"
            id = hand_in(client).json()["id"]
            told = []
            while "done" not in told:
                line = next(lines)
                if line.startswith("data: "):
                    image = json.loads(line.removeprefix("data: "))
                    assert image["id"] == id
                    told.append(image["state"])
        server.should_exit = True
    thread.join(10)
    assert told == ["queued", "outlining", "measuring", "done"]


def test_a_full_disk_is_said_and_leaves_no_radiograph(client, monkeypatch, tmp_path):
    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("handbone_serve.app.shutil.copyfileobj", full)
    answer = hand_in(client)
    assert answer.status_code == 507 and "No space left on device" in answer.json()["detail"]
    assert client.get("/api/images").json() == [] and not list(tmp_path.iterdir())
