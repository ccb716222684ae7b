"""The variants in Stemma: stored a generation at a time, fetched, walked and served. Why so stands in `registry.py`."""

import random
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter

from benchmarks.storage.measured import Measured, timed
from benchmarks.storage.variants import BATCH, descendant_of_1000, generations, variants

from stemma.core.clock import SystemClock
from stemma.ledger import Ledger
from stemma.ledger.scope import Scope
from stemma.registry.candidates import Candidates, NewCandidate
from stemma.registry.contents import Contents
from stemma.registry.lineage import Lineage
from stemma.registry.prompts import Prompts
from stemma.registry.sessions import Generator, NewSession, Sessions
from stemma.store import Store


def measure_stemma(folder: Path, count: int, seed: int, *, fetches: int) -> Measured:
    path = folder / "stemma.db"
    store = Store.open(f"sqlite:///{path}")
    clock = SystemClock()
    scope = Scope(store, Ledger(store, clock), clock, "benchmark")
    candidates = Candidates(scope, Contents())
    empty = _settled(store, path)
    ids, seconds, text_bytes = _store_all(candidates, Sessions(scope), count, seed)
    size = (_settled(store, path) - empty) / count

    draw = random.Random(seed)
    picked = draw.sample(ids, min(fetches, len(ids)))
    cold = [timed(partial(Candidates(scope, Contents()).prompt, number)) for number in picked]
    warm = [timed(partial(candidates.prompt, number)) for number in picked[:100] * 5][100:]
    lineage = Lineage(scope)
    descendant = ids[descendant_of_1000(count, seed)]
    ancestors = len(lineage.family(descendant)) - 1
    walk = median(timed(lambda: lineage.family(descendant)) for _ in range(5))

    prompts = Prompts(scope, Contents())
    prompts.label("bench/triage", prompts.save("bench/triage", candidates.prompt(ids[0])).version, "production")
    label = median(timed(lambda: prompts.get("bench/triage", cache_ttl_seconds=0)) for _ in range(300))
    cached = median(timed(lambda: prompts.get("bench/triage"), times=100) for _ in range(100))
    store.close()
    return Measured(
        text_bytes=text_bytes / count,
        rate=count / seconds,
        size=size,
        fetch=median(warm),
        cold_fetch=median(cold),
        walk=walk,
        ancestors=ancestors,
        label=label,
        cached_label=cached,
    )


def _store_all(candidates: Candidates, sessions: Sessions, count: int, seed: int) -> tuple[list[int], float, int]:
    """The ids in order, the seconds inside `store`, and the bytes of all texts."""
    session = sessions.open(NewSession(Generator("benchmark", {"batch": BATCH}), seed=seed))
    ids: list[int] = []
    seconds, text_bytes = 0.0, 0
    for batch in generations(variants(count, seed)):
        new = [NewCandidate(v.prompt, v.operator, tuple(ids[parent] for parent in v.parents)) for v in batch]
        start = perf_counter()
        ids += candidates.store(session, new)
        seconds += perf_counter() - start
        text_bytes += sum(len(item.prompt.canonical) for item in new)
    return ids, seconds, text_bytes


def _settled(store: Store, path: Path) -> int:
    """Bytes of the database file with everything written into it."""
    with store.read() as connection:
        connection.exec_driver_sql("commit")
        connection.exec_driver_sql("pragma wal_checkpoint(truncate)")
        connection.exec_driver_sql("begin")
    return path.stat().st_size
