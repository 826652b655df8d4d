"""helm, for every test of the chart."""

from __future__ import annotations

import pytest

from chart.rendered_charts import helm_program
from prerequisites import missing


@pytest.fixture
def needs_helm() -> None:
    if helm_program() is None:
        missing(
            "no helm: install it (https://helm.sh), or run .ci/cluster where there is a cluster",
            required_by="CBBOT_CLUSTER_SUITE",
        )
