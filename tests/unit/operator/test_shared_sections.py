from __future__ import annotations

import gc
import weakref
from typing import Any

from cbbot.contract.spec_reader import read_spec
from cbbot_operator.keys import Key
from cbbot_operator.reconciler import Reconciler
from cbbot_operator.shared_sections import with_shared_sections
from unit.operator.memory_cluster import KEY, MemoryCluster, Run


def test_what_two_specs_have_in_common_is_there_once_and_nothing_changes(paper: dict[str, Any]) -> None:
    one = read_spec({**paper, "risk": {"feeRatePct": 0.4}})
    other = read_spec({**paper, "risk": {"feeRatePct": 0.5}, "product": {"id": "ETH-USD"}})
    shared, beside = with_shared_sections(one), with_shared_sections(other)
    assert (shared, beside) == (one, other)
    assert shared.exits is beside.exits
    assert shared.risk is not beside.risk
    assert (str(shared.risk.feeRatePct), str(beside.risk.feeRatePct)) == ("0.4", "0.5")


def test_a_number_is_kept_as_it_was_written(paper: dict[str, Any]) -> None:
    specs = [read_spec({**paper, "risk": {"feeRatePct": rate}}) for rate in (1, 1.0)]
    shared = [with_shared_sections(spec) for spec in specs]
    assert [str(spec.risk.feeRatePct) for spec in shared] == [str(spec.risk.feeRatePct) for spec in specs]


def test_a_section_that_no_spec_has_any_more_is_let_go(paper: dict[str, Any]) -> None:
    spec = with_shared_sections(read_spec({**paper, "risk": {"feeRatePct": 0.123}}))
    section = weakref.ref(spec.risk)
    del spec
    gc.collect()
    assert section() is None


def test_the_tradingbots_that_are_known_share(run: Run, cluster: MemoryCluster, reconciler: Reconciler) -> None:
    keys = [KEY, Key(KEY.namespace, "eth")]
    for key in keys:
        cluster.tradingbot({"product": {"id": f"{key.name.upper()}-USD"}}, name=key.name, uid=key.name)
        run(reconciler.reconcile(key))
    specs = [reconciler.known[key].seen.spec for key in keys]
    assert [spec.product.id for spec in specs if spec is not None] == ["BTC-USD", "ETH-USD"]
    assert len({id(spec.risk) for spec in specs if spec is not None}) == 1
