"""A bot as on another machine that has the volume too: file locks do not reach it. Takes cbbot's arguments."""

from __future__ import annotations

import fcntl
import runpy


def main() -> None:
    fcntl.flock = lambda *_: None
    runpy.run_module("cbbot", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
