"""``python -m cbbot_operator``: read the configuration, then operate."""

from __future__ import annotations

import logging
import os
import sys

from cbbot.errors import BadInput, CbbotError
from cbbot.process.json_logs import configure_logs
from cbbot_operator.bounded_end import run_to_bounded_end
from cbbot_operator.configuration import read_configuration
from cbbot_operator.operating import operate
from cbbot_operator.operator_metrics import package_version


def main() -> int:
    """Exit codes: 0 told to stop, 1 failed, 2 bad configuration."""
    try:
        configuration = read_configuration(os.environ)
    except BadInput as error:
        return _bad_input(error)
    # kopf logs every event that it hands over; only its troubles are of interest.
    configure_logs(configuration.log_level, talkative=("kopf", "aiohttp"))
    logging.getLogger("cbbot_operator").info("starting", extra={"fields": {"version": package_version()}})
    try:
        run_to_bounded_end(operate(configuration))
    except BadInput as error:
        return _bad_input(error)
    except CbbotError as error:
        logging.getLogger("cbbot_operator").error("%s", error)
        return 1
    return 0


def _bad_input(error: BadInput) -> int:
    for line in error.reasons:
        sys.stderr.write(f"cbbot-operator: {line}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())
