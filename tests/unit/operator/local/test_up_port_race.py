"""Between the look at a port and the start that takes it somebody else may have it for a moment."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from cbbot_operator.local.child_log_lines import LogBuffer
from cbbot_operator.local.plan import Part
from cbbot_operator.local.supervisor import Supervisor
from free_port import free_port
from unit.operator.local.test_up_supervisor import running, starts, supervised, until

# Takes its port as the bot does, on the way of somebody who has it for a moment only.
BRIEFLY = """
import os, sys
from pathlib import Path
from cbbot.errors import BadInput
from cbbot.process.listening_socket import listening_socket
with open("notes", "a") as file:
    file.write(f"bot starts {os.environ['PORT']} -\\n")
first = not os.path.exists("tried")
Path("tried").touch()
other = listening_socket("127.0.0.1", int(os.environ["PORT"]), host_name="HOST", port_name="PORT") if first else None
if other is not None:
    other.listen()
try:
    server = listening_socket("127.0.0.1", int(os.environ["PORT"]), host_name="HOST", port_name="PORT")
except BadInput as error:
    print(error, file=sys.stderr, flush=True)
    sys.exit(2)
print('{"event": "listening", "port": %s}' % os.environ["PORT"], flush=True)
"""


def test_a_port_that_somebody_had_only_for_the_moment_in_which_it_was_wanted_is_tried_again(tmp_path: Path) -> None:
    first, spare = free_port(), free_port()
    command = (sys.executable, "-c", BRIEFLY + "import threading\nthreading.Event().wait()\n")
    bot = Part("bot", command, {"PATH": os.environ["PATH"]}, grace_seconds=5, ports=(first, spare))

    async def act(supervisor: Supervisor, _log: LogBuffer) -> None:
        await until(lambda: running(supervisor) or supervisor.ended.done())
        assert not supervisor.ended.done(), supervisor.ended.result()
        assert supervisor.ports == {"bot": first}

    supervised(tmp_path, [bot], act)
    assert starts(tmp_path) == [first, first]
