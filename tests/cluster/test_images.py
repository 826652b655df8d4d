"""The three images as they were built: what is in them, how they run with nothing allowed, how large they are."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from cbbot.contract.tradingbot_pods import POD_USER
from cluster.kubectl import Note, run
from locked_versions import locked_for
from prerequisites import missing

pytestmark = pytest.mark.cluster

MEGABYTE = 1_000_000
LARGEST = {"bot": 120 * MEGABYTE, "bridge": 120 * MEGABYTE, "operator": 200 * MEGABYTE}
TAG = os.environ.get("CBBOT_IMAGE_TAG", "ci")
NOTHING_ALLOWED = ("--rm", "--network=none", "--read-only", "--cap-drop=all", "--security-opt=no-new-privileges")
INSTALLED = """
import importlib.metadata, json, platform, sys
found = importlib.metadata.distributions(path=[sys.argv[1]])
print(json.dumps([platform.python_version(), dict((each.name, each.version) for each in found)]))
"""
# Sticky folders for everybody are what /tmp is; a file that anybody may change, or that runs as its owner, is not.
DANGEROUS = r"find / -xdev \( -type f -perm /6000 -o -type f -perm -0002 -o -type d -perm -0002 ! -perm -1000 \) -print"


@pytest.fixture(params=sorted(LARGEST))
def part(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def containers() -> str:
    """The program that runs the images on this machine."""
    program = os.environ.get("CBBOT_CONTAINERS", "")
    if not program:
        missing("no images: .ci/cluster builds them and runs these tests", required_by="CBBOT_CLUSTER_SUITE")
    return program


def image(part: str) -> str:
    return f"cbbot-{part}:{TAG}"


def inside(containers: str, part: str, entrypoint: str, *arguments: str, options: tuple[str, ...] = ()) -> str:
    command = (containers, "run", *NOTHING_ALLOWED, *options, f"--entrypoint={entrypoint}", image(part), *arguments)
    return run(*command, seconds=120).stdout


def described(containers: str, part: str) -> Any:
    (found,) = json.loads(run(containers, "image", "inspect", image(part)).stdout)
    return found


def test_an_image_is_small(containers: str, part: str, note: Note) -> None:
    script = 'set -o pipefail; "$0" save "$1" | gzip | wc -c'
    counted = run("bash", "-c", script, containers, image(part), seconds=180).stdout
    note(f"image of the {part}: {int(counted) / MEGABYTE:.1f} MB compressed")
    assert int(counted) <= LARGEST[part]


def test_what_is_installed_is_what_the_tests_ran_on(containers: str, part: str) -> None:
    folder = inside(containers, part, "python", "-c", "import cbbot, os; print(os.path.dirname(cbbot.__path__[0]))")
    python, found = json.loads(inside(containers, part, "python", "-c", INSTALLED, folder.strip()))
    versions = {str(canonicalize_name(name)): version for name, version in found.items()}
    assert versions.pop("cbbot")
    assert versions == locked_for(part, {"python_full_version": python})


def test_an_image_has_its_own_packages_and_no_installer(containers: str, part: str) -> None:
    own = [] if part == "bot" else [f"cbbot_{part}"]
    script = "import importlib.util as u, sys; print(*(n for n in sys.argv[1:] if u.find_spec(n)))"
    named = ("cbbot", "cbbot_bridge", "cbbot_operator", "pip", "numba", "pandas", "pytest")
    assert set(inside(containers, part, "python", "-c", script, *named).split()) == {"cbbot", *own}


def test_with_nothing_allowed_it_starts_as_a_user_who_has_a_name(containers: str, part: str) -> None:
    who = "import getpass, os; print(os.getuid(), os.getgid(), getpass.getuser())"
    assert inside(containers, part, "python", "-c", who).split() == [str(POD_USER), str(POD_USER), "cbbot"]
    # Each says in words what it cannot start without or with, which takes all of its imports.
    options = ("--env=PORT=none", "--env=CBBOT_BOT_IMAGE=")
    command = (containers, "run", *NOTHING_ALLOWED, *options, image(part))
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert f"{'CBBOT_BOT_IMAGE' if part == 'operator' else 'PORT'}=" in ended.stdout + ended.stderr
    assert "is not accepted" in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr


def test_no_file_runs_as_its_owner_or_may_be_changed_by_anybody(containers: str, part: str) -> None:
    options = ("--user=0", "--cap-add=DAC_READ_SEARCH")
    assert inside(containers, part, "sh", "-c", DANGEROUS, options=options).split() == []


def test_the_code_cannot_be_changed_by_the_process(containers: str, part: str) -> None:
    owned = r"find /opt -xdev \( -user cbbot -o -group cbbot -o -perm -0002 \) ! -type l"
    state = ["/opt/coinbase/state"] if part == "bot" else []
    assert inside(containers, part, "sh", "-c", owned).split() == state


def test_an_image_carries_its_labels(containers: str, part: str) -> None:
    labels = described(containers, part)["Config"]["Labels"]
    assert labels["org.opencontainers.image.title"] == f"cbbot-{part}"
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert described(containers, part)["Config"]["User"] == f"{POD_USER}:{POD_USER}"
