"""The parts are kept running, stopped in order, and never outlive their parent. The parts here are small scripts."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from cbbot_operator.local.child_log_lines import LogBuffer
from cbbot_operator.local.plan import Part, PartName
from cbbot_operator.local.supervisor import Kept, Patience, Supervisor
from free_port import free_port
from started_processes import start

QUICK = Patience(first_pause=0.01, longest_pause=0.02, listening=10)
LISTENING = """
import json, os, signal, sys, threading
def note(word):
    with open("notes", "a") as file:
        file.write(word + "\\n")
def stop(*_):
    note(f"{NAME} stops")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
port = int(os.environ.get("PORT") or 0) or 1000 + os.getpid()
note(f"{NAME} starts {port} {os.environ.get('NEEDS', '-')}")
print(json.dumps({"event": "listening", "port": port}), flush=True)
"""
FOREVER = "threading.Event().wait()\n"


def part(
    name: PartName, body: str, needs: PartName | None = None, grace: float = 5, ports: tuple[int, ...] = (0,)
) -> Part:
    script = f"NAME = {name!r}\n{LISTENING}{body}"
    links: dict[str, PartName] = {} if needs is None else {"NEEDS": needs}
    return Part(name, (sys.executable, "-S", "-E", "-c", script), {"PATH": os.environ["PATH"]}, links, grace, ports)


def notes(folder: Path) -> list[str]:
    path = folder / "notes"
    return path.read_text().splitlines() if path.exists() else []


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  what is waited for happens in other processes
            await asyncio.sleep(0.005)


def supervised(
    folder: Path, parts: list[Part], act: Callable[[Supervisor, LogBuffer], Awaitable[None]], patience: Patience = QUICK
) -> Supervisor:
    """Runs ``parts`` while ``act`` looks on, and leaves nothing running."""

    async def run() -> Supervisor:
        log = LogBuffer()
        supervisor = Supervisor(parts, folder, log, patience)
        supervisor.start()
        try:
            await act(supervisor, log)
        finally:
            await supervisor.stop()
        return supervisor

    return asyncio.run(run())


def running(supervisor: Supervisor) -> bool:
    return all(kept.state == "running" for kept in supervisor.kept.values())


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # Nobody may have reaped it yet: a zombie runs nothing.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def pid_of(kept: Kept) -> int:
    assert kept.child is not None
    return kept.child.pid


def test_parts_start_in_order_and_stop_in_the_opposite_one(tmp_path: Path) -> None:
    async def act(supervisor: Supervisor, _: LogBuffer) -> None:
        await until(lambda: running(supervisor))

    supervisor = supervised(tmp_path, [part("bridge", FOREVER), part("bot", FOREVER, "bridge")], act)
    port = supervisor.ports["bridge"]
    found = notes(tmp_path)
    assert found[0] == f"bridge starts {port} -"
    assert found[1].startswith("bot starts ")
    assert found[1].endswith(f" http://127.0.0.1:{port}")
    assert found[2:] == ["bot stops", "bridge stops"]


def test_a_part_that_dies_starts_again_on_its_port(tmp_path: Path) -> None:
    async def act(supervisor: Supervisor, log: LogBuffer) -> None:
        bridge = supervisor.kept["bridge"]
        await until(lambda: running(supervisor))
        first, bot = pid_of(bridge), pid_of(supervisor.kept["bot"])
        os.kill(first, signal.SIGKILL)
        await until(lambda: running(supervisor) and bridge.child is not None and bridge.child.pid != first)
        assert bridge.restarts == 1
        assert pid_of(supervisor.kept["bot"]) == bot, "the others are left alone"
        assert any("bridge was ended by SIGKILL; starting it again" in line.text for line in log.newest(9))

    supervised(tmp_path, [part("bridge", FOREVER), part("bot", FOREVER, "bridge")], act)
    starts = [note for note in notes(tmp_path) if note.startswith("bridge starts")]
    assert len(starts) == 2
    assert starts[0] == starts[1]


def test_a_part_that_keeps_dying_is_tried_for_ever_with_growing_pauses(tmp_path: Path) -> None:
    async def act(supervisor: Supervisor, log: LogBuffer) -> None:
        await until(lambda: supervisor.kept["bot"].restarts >= 5)
        assert not supervisor.ended.done(), "it did come up each time"
        pauses = [line.text.rpartition(" in ")[2] for line in log.newest(99) if "starting it again" in line.text]
        assert pauses[:4] == ["0.01 s", "0.02 s", "0.04 s", "0.05 s"]

    supervised(tmp_path, [part("bot", "sys.exit(1)")], act, Patience(first_pause=0.01, longest_pause=0.05))


def test_a_life_long_enough_starts_the_pauses_over(tmp_path: Path) -> None:
    async def act(supervisor: Supervisor, log: LogBuffer) -> None:
        await until(lambda: supervisor.kept["bot"].restarts >= 3)
        pauses = {line.text.rpartition(" in ")[2] for line in log.newest(99) if "starting it again" in line.text}
        assert pauses == {"0.01 s"}

    supervised(tmp_path, [part("bot", "sys.exit(1)")], act, Patience(first_pause=0.01, stable=0))


def test_bad_input_and_refusals_end_it_with_their_code(tmp_path: Path) -> None:
    for code, words in ((2, "input cannot be used"), (3, "refused to start for safety")):

        async def act(supervisor: Supervisor, log: LogBuffer, code: int = code, words: str = words) -> None:
            ended = await asyncio.wait_for(supervisor.ended, 10)
            assert (ended.part, ended.code) == ("bot", code)
            assert words in ended.reason
            assert log.newest(1, "bot")[0].text == "why it could not"
            assert supervisor.kept["bot"].restarts == 0

        body = f"print('why it could not', file=sys.stderr); sys.exit({code})"
        supervised(tmp_path, [part("bridge", FOREVER), part("bot", body, "bridge")], act)
    assert notes(tmp_path).count("bridge stops") == 2


def test_a_part_that_never_comes_up_ends_it(tmp_path: Path) -> None:
    async def act(supervisor: Supervisor, _: LogBuffer) -> None:
        ended = await asyncio.wait_for(supervisor.ended, 10)
        assert (ended.part, ended.code) == ("bridge", 1)
        assert ended.reason == "it ended with code 9 3 times before it listened"
        assert supervisor.kept["bot"].state == "waiting"

    silent = Part("bridge", (sys.executable, "-S", "-E", "-c", "import sys; sys.exit(9)"), {})
    supervised(tmp_path, [silent, part("bot", FOREVER, "bridge")], act)


def test_a_part_that_does_not_listen_in_time_is_killed_and_tried_again(tmp_path: Path) -> None:
    async def act(supervisor: Supervisor, log: LogBuffer) -> None:
        ended = await asyncio.wait_for(supervisor.ended, 10)
        assert ended.reason.startswith("it was ended by SIGKILL 2 times")
        assert any("does not listen after 0.3 s" in line.text for line in log.newest(9))

    silent = Part("bridge", (sys.executable, "-S", "-E", "-c", "import time; time.sleep(60)"), {})
    supervised(tmp_path, [silent], act, Patience(first_pause=0.01, listening=0.3, tries=2))


def test_a_program_that_is_not_there_ends_it_with_the_reason(tmp_path: Path) -> None:
    async def act(supervisor: Supervisor, log: LogBuffer) -> None:
        ended = await asyncio.wait_for(supervisor.ended, 10)
        assert ended.code == 1
        assert ended.reason == "it ended with code 127 3 times before it listened"
        assert log.newest(1, "bot")[0].text.endswith("absent cannot be started: No such file or directory")

    supervised(tmp_path, [Part("bot", (str(tmp_path / "absent"),), {})], act)


def test_a_part_that_does_not_stop_is_killed_after_its_grace(tmp_path: Path) -> None:
    async def run() -> None:
        log = LogBuffer()
        stubborn = part("bot", "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nnote('deaf')\n" + FOREVER, grace=0.2)
        supervisor = Supervisor([stubborn], tmp_path, log, QUICK)
        supervisor.start()
        # The child may be as far as that before we know that it has started.
        await until(lambda: "deaf" in notes(tmp_path) and supervisor.kept["bot"].child is not None)
        pid = pid_of(supervisor.kept["bot"])
        assert await supervisor.stop() is False
        assert not alive(pid)
        assert "bot did not stop in 0.2 s: killed" in log.newest(1)[0].text

    asyncio.run(run())


def test_stopping_while_everything_still_starts_leaves_nothing(tmp_path: Path) -> None:
    async def run() -> None:
        supervisor = Supervisor([part("bridge", FOREVER), part("bot", FOREVER, "bridge")], tmp_path, LogBuffer(), QUICK)
        supervisor.start()
        for _ in range(3):  # into the middle of starting the first child
            await asyncio.sleep(0)
        await asyncio.wait_for(supervisor.stop(), 10)
        assert all(kept.child is None for kept in supervisor.kept.values())

    asyncio.run(run())
    assert not [note for note in notes(tmp_path) if note.startswith("bot")]


def test_a_flood_without_line_ends_does_not_stop_the_hearing(tmp_path: Path) -> None:
    async def act(_: Supervisor, log: LogBuffer) -> None:
        await until(lambda: any(line.text == "after" for line in log.newest(9)))

    supervised(tmp_path, [part("bot", "print('x' * 300000, flush=True); print('after', flush=True)\n" + FOREVER)], act)


PARENT = """
import asyncio, json, sys
from pathlib import Path
from cbbot_operator.local.child_log_lines import LogBuffer
from cbbot_operator.local.plan import Part
from cbbot_operator.local.supervisor import Supervisor
async def run():
    script = sys.argv[1]
    python = (sys.executable, "-S", "-E", "-c")
    parts = [Part(name, (*python, f"NAME = {name!r}\\n{script}"), {}) for name in ("bridge", "bot")]
    supervisor = Supervisor(parts, Path(sys.argv[2]), LogBuffer())
    supervisor.start()
    while not all(kept.state == "running" for kept in supervisor.kept.values()):
        await asyncio.sleep(0.01)
    print(json.dumps([kept.child.pid for kept in supervisor.kept.values()]), flush=True)
    await asyncio.Event().wait()
asyncio.run(run())
"""


def test_a_parent_that_is_killed_takes_its_children_along(tmp_path: Path) -> None:
    # Children that ignore SIGTERM: nothing but the kernel can end them.
    script = LISTENING + "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + FOREVER
    with start([sys.executable, "-c", PARENT, script, str(tmp_path)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pids = json.loads(parent.stdout.readline())
        assert all(alive(pid) for pid in pids)
        parent.kill()
        parent.wait()

    async def gone() -> None:
        await until(lambda: not any(alive(pid) for pid in pids))

    asyncio.run(gone())


def listening() -> socket.socket:
    """A server that keeps a port from everybody else."""
    return socket.create_server(("127.0.0.1", 0))


def port_of(server: socket.socket) -> int:
    return int(server.getsockname()[1])


def starts(folder: Path) -> list[int]:
    """The ports a part was started with."""
    return [int(note.split()[2]) for note in notes(folder) if " starts " in note]


def test_a_taken_port_is_passed_over_and_said_and_the_one_it_got_is_kept(tmp_path: Path) -> None:
    spare = free_port()
    lines: list[str] = []

    async def act(supervisor: Supervisor, log: LogBuffer) -> None:
        await until(lambda: running(supervisor))
        # The first is free by now: the bot stays where it is.
        taken.close()
        os.kill(bot_pid(supervisor), signal.SIGKILL)
        await until(lambda: len(starts(tmp_path)) == 2)
        lines.extend(str(line) for line in log.newest(20))

    def bot_pid(supervisor: Supervisor) -> int:
        child = supervisor.kept["bot"].child
        assert child is not None
        return child.pid

    with listening() as taken:
        first = port_of(taken)
        supervised(tmp_path, [part("bot", FOREVER, ports=(first, spare))], act)
    assert starts(tmp_path) == [spare, spare]
    assert len([line for line in lines if f"port {first} is taken: bot listens on {spare} instead" in line]) == 1


# Says that it starts, waits for "go", and ends as a server does whose port is taken; started again it runs.
LOST = """
import os, sys, time
with open("notes", "a") as file:
    file.write(f"bot starts {os.environ['PORT']} -\\n")
if os.path.exists("go"):
    print('{"event": "listening", "port": %s}' % os.environ["PORT"], flush=True)
while not os.path.exists("go"):
    time.sleep(0.005)
else:
    if os.environ["PORT"] == open("go").read():
        sys.exit(2)
time.sleep(60)
"""


def lost(*ports: int) -> Part:
    return Part(
        "bot", (sys.executable, "-S", "-E", "-c", LOST), {"PATH": os.environ["PATH"]}, grace_seconds=5, ports=ports
    )


async def take(folder: Path, port: int) -> socket.socket:
    """Take the port from a part that was started with it."""
    await until(lambda: starts(folder) == [port])
    server = socket.create_server(("127.0.0.1", port))
    (folder / "go.new").write_text(str(port))
    (folder / "go.new").replace(folder / "go")
    return server


def test_a_port_that_is_lost_while_the_part_starts_is_another_one_next_time(tmp_path: Path) -> None:
    first, spare = free_port(), free_port()

    async def act(supervisor: Supervisor, _log: LogBuffer) -> None:
        with await take(tmp_path, first):
            await until(lambda: running(supervisor))
        assert supervisor.ports == {"bot": spare}

    supervised(tmp_path, [lost(first, spare)], act)
    assert starts(tmp_path) == [first, spare]


def test_the_only_port_lost_ends_it_with_the_parts_code(tmp_path: Path) -> None:
    only = free_port()

    async def act(supervisor: Supervisor, _log: LogBuffer) -> None:
        with await take(tmp_path, only):
            assert (await asyncio.wait_for(supervisor.ended, 10)).code == 2

    supervised(tmp_path, [lost(only)], act)


def test_a_port_lost_to_another_program_between_two_lives_is_waited_for(tmp_path: Path) -> None:
    """The port is what people and other parts know: a bot that was there must not be given up for it."""
    only = free_port()
    body = "import socket\ntry:\n    s = socket.create_server(('127.0.0.1', port))\nexcept OSError:\n    sys.exit(2)\n"
    script = body.replace("port)", "int(os.environ['PORT']))", 1)
    whole = f"import os, sys\n{script}NAME = 'bot'\n{LISTENING}{FOREVER}"
    bot = Part(
        "bot", (sys.executable, "-S", "-E", "-c", whole), {"PATH": os.environ["PATH"]}, grace_seconds=5, ports=(only,)
    )

    async def act(supervisor: Supervisor, log: LogBuffer) -> None:
        kept = supervisor.kept["bot"]
        await until(lambda: running(supervisor))
        assert kept.child is not None
        os.kill(kept.child.pid, signal.SIGKILL)
        await until(lambda: kept.state == "backing off")
        with socket.create_server(("127.0.0.1", only)):
            await until(lambda: any("ended with code 2; starting it again" in str(line) for line in log.newest(50)))
        await until(lambda: running(supervisor))

    supervised(tmp_path, [bot], act, Patience(first_pause=0.2, longest_pause=0.2, listening=10))
    assert starts(tmp_path) == [only, only]
