"""``python -m cbbot_bridge``: the bridge of a container; see :mod:`cbbot_bridge.bridge_command`."""

from __future__ import annotations

import sys

from cbbot.contract.secret_keys import SECRET_KEYS
from cbbot.process.secret_environment import hide_secrets
from cbbot_bridge.bridge_command import run_bridge

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    return run_bridge(arguments, "python -m cbbot_bridge")


if __name__ == "__main__":
    hide_secrets(SECRET_KEYS)
    sys.exit(main())
