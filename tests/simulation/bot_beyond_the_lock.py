"""A bot as on another machine with the same volume, where file locks do not reach: `python -m`, cbbot's arguments."""

from __future__ import annotations

import fcntl
import runpy


def main() -> None:
    fcntl.flock = lambda *_: None
    runpy.run_module("cbbot", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
