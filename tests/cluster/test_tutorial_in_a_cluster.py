"""The part of docs/tutorial.md that is read in a cluster: every command of it works."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from cluster.kubectl import ROOT, Kubectl, Note, run
from page_commands import Reader, blocks

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("api_server")]

FLAGS: Final = os.environ.get("CBBOT_HELM_FLAGS", "")
TAG: Final = os.environ.get("CBBOT_IMAGE_TAG", "ci")
# The definition is there already, and another release may hold it.
CHART: Final = f"{shlex.quote(str(ROOT / 'charts'))} --set=crds.enabled=false --set=image.tag={TAG} {FLAGS}"
BLOCKS: Final = blocks(ROOT / "docs" / "tutorial.md")
PATH: Final = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


@contextmanager
def read(kubectl: Kubectl, folder: Path, replacements: Mapping[str, str]) -> Iterator[Reader]:
    """A person with kubectl, helm and cbbot; whatever happens, the namespace is gone at the end."""
    environment = {**os.environ, "PATH": PATH}
    try:
        with Reader(folder, environment=environment, replacements=replacements, seconds=330) as reader:
            yield reader
    finally:
        kubectl.helm("uninstall", "cbbot", "--ignore-not-found", "--wait", seconds=120, check=False)
        namespace = kubectl.namespace
        run("kubectl", "delete", "namespace", namespace, "--ignore-not-found", seconds=150, check=False)


def test_the_tutorial_leads_to_a_bot_in_a_cluster(kubectl: Kubectl, tmp_path: Path, note: Note) -> None:
    assert kubectl
    # As the other tests have it: nobody waits for an hour of a real market.
    replacements = {"charts/": CHART, "{venue: Coinbase}": "{venue: Simulator, simulator: {speed: 600}}"}
    (manifest,) = [block for block in BLOCKS if "cat > mine.yaml" in block.text]
    found = [block for block in BLOCKS if block.place == "cluster"]
    with read(Kubectl("tutorial"), tmp_path, replacements) as reader:
        for block in (manifest, *found):
            reader.run(block)
        assert reader.unused() == set()
        assert re.search(r"^mine +BTC-USD +Paper +True", reader.printed["6. The same in a cluster"], re.MULTILINE)
    note(f"docs/tutorial.md: {len(found)} blocks of commands were run in the cluster")
