"""Search in a million descriptors of places: ours and faiss called directly, in one run.

Descriptors are synthetic: clusters as of places, around centres that vary in 32 ways; a query is
one of the rows, moved to a cosine of about 0.85. `recall@k` is the share of the k rows that exact
search finds. Ratios are of the median times of single queries on one thread, taken in turns. Memory
is that of the structure; the full descriptors (`database MB`) beside it are memory-mapped from a
file, of which our inverted lists read what they compare again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray
from reporting import arguments, report

from semloc_ros.retrieval.index import DescriptorIndex

COLUMNS = (
    "search", "build CPU s", "MB", "recall@1 %", "recall@10 %", "ms", "ratio to faiss flat",
    "ratio to faiss IVF-PQ",
)
COUNT = 10
EXACT_QUERIES = 60
BLOCK = 1 << 16
CODE_BYTES, VISITED = 64, 32
FLAT, IVFPQ = "faiss flat", "faiss IVF-PQ"
Search = Callable[[NDArray[np.float32]], NDArray[np.int64]]


@dataclass
class Candidate:
    """One way to search, and what it took: times in ms, rows of each query."""

    search: Search
    build_s: float
    megabytes: float
    times: list[float] = field(default_factory=list)
    rows: list[NDArray[np.int64]] = field(default_factory=list)


def main() -> None:
    """Build, search in turns, print."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--dimensions", type=int, default=256)
    parser.add_argument("--queries", type=int, default=200, help="of which exact search takes 60")
    options = parser.parse_args()
    faiss.omp_set_num_threads(1)
    path = options.work / "places_index.npy"
    path.parent.mkdir(parents=True, exist_ok=True)
    queries = write_database(path, options.rows, options.dimensions, options.queries)
    database = np.load(path, mmap_mode="r")
    exact, wanted = exact_search(database, queries)
    candidates = {**exact, **approximate(database)}
    for number in range(len(queries)):
        for name, one in candidates.items():
            if name not in exact or number < EXACT_QUERIES:
                take(one, queries[number : number + 1])
    rows = [row(name, one, wanted, candidates) for name, one in candidates.items()]
    title = f"{COUNT} best of {options.rows} descriptors of {options.dimensions} dimensions"
    report(title, COLUMNS, rows, options.json, **{"database MB": database.nbytes / 1e6})
    path.unlink()


def write_database(path: Path, rows: int, dimensions: int, count: int) -> NDArray[np.float32]:
    """Unit descriptors into a file; the queries (count, dimensions)."""
    rng = np.random.default_rng(0)
    ways = rng.standard_normal((32, dimensions), dtype=np.float32) / np.float32(np.sqrt(32))
    centres = rng.standard_normal((rows // 20, 32), dtype=np.float32) @ ways
    centres += 0.3 * rng.standard_normal(centres.shape, dtype=np.float32)
    database = np.lib.format.open_memmap(path, "w+", np.float32, (rows, dimensions))
    for start in range(0, rows, BLOCK):
        size = min(BLOCK, rows - start)
        noise = rng.standard_normal((size, dimensions), dtype=np.float32)
        database[start : start + size] = unit(centres[rng.integers(len(centres), size=size)]
                                              + np.float32(0.4) * noise)
    chosen = database[rng.integers(rows, size=count)]
    aside = 0.62 / np.sqrt(dimensions)
    return unit(chosen + aside * rng.standard_normal(chosen.shape, dtype=np.float32))


def unit(values: NDArray[Any]) -> NDArray[np.float32]:
    """Rows of length 1."""
    return np.asarray(values / np.linalg.norm(values, axis=1, keepdims=True), np.float32)


def exact_search(
    database: NDArray[np.float32], queries: NDArray[np.float32]
) -> tuple[dict[str, Candidate], NDArray[np.int64]]:
    """Ours and faiss's exact searches, and the true rows (Q, COUNT). Both hold a copy of the
    same database, that of faiss."""
    start = time.process_time()
    ours = DescriptorIndex.build(database, 0, exact_below=len(database) + 1)
    built = time.process_time() - start
    start = time.process_time()
    flat = faiss.IndexFlatIP(database.shape[1])
    flat.add(np.ascontiguousarray(database))
    took = time.process_time() - start
    megabytes = database.nbytes / 1e6
    wanted = flat.search(queries, COUNT)[1]
    return {
        FLAT: Candidate(lambda query: flat.search(query, COUNT)[1], took, megabytes),
        "ours, exact": Candidate(
            lambda query: ours.search(query, COUNT)[1], built, ours.memory_bytes / 1e6
        ),
    }, wanted


def approximate(database: NDArray[np.float32]) -> dict[str, Candidate]:
    """Ours, faiss's IVF-PQ with codes of as many bytes and as many lists, and the same with what
    faiss itself offers to compare again by full descriptors, which it holds in memory."""
    start = time.process_time()
    ours = DescriptorIndex.build(database, 0, exact_below=0)
    built = time.process_time() - start
    start = time.process_time()
    direct = faiss_lists(database)
    took = time.process_time() - start
    megabytes = (len(database) * (CODE_BYTES + 8) + 4 * direct.nlist * database.shape[1]) / 1e6
    full = faiss.IndexFlatIP(database.shape[1])
    full.add(np.ascontiguousarray(database))
    refined = faiss.IndexRefine(direct, full)
    refined.k_factor = 10.0
    return {
        IVFPQ: Candidate(lambda query: direct.search(query, COUNT)[1], took, megabytes),
        "faiss IVF-PQ, compared again": Candidate(
            lambda query: refined.search(query, COUNT)[1], took, megabytes + database.nbytes / 1e6
        ),
        "ours, lists": Candidate(
            lambda query: ours.search(query, COUNT)[1], built, ours.memory_bytes / 1e6
        ),
    }


def faiss_lists(database: NDArray[np.float32]) -> Any:
    """IVF-PQ as of faiss's guide: 8 bits per part, as many lists as ours, trained on as much."""
    count, dimensions = database.shape
    lists = round(2 * float(np.sqrt(count)))
    index = faiss.IndexIVFPQ(
        faiss.IndexFlatIP(dimensions), dimensions, lists, CODE_BYTES, 8, faiss.METRIC_INNER_PRODUCT
    )
    for means in (index.cp, index.pq.cp):
        means.niter, means.max_points_per_centroid = 10, 64
    index.train(np.ascontiguousarray(database[:: max(count // (64 * lists), 1)]))
    for start in range(0, count, BLOCK):
        index.add(np.ascontiguousarray(database[start : start + BLOCK]))
    index.nprobe = VISITED
    return index


def take(one: Candidate, query: NDArray[np.float32]) -> None:
    """Search for one query; note time and rows."""
    start = time.perf_counter()
    found = one.search(query)[0]
    one.times.append(1e3 * (time.perf_counter() - start))
    one.rows.append(found)


def row(
    name: str, one: Candidate, wanted: NDArray[np.int64], candidates: dict[str, Candidate]
) -> tuple[object, ...]:
    """One row of the table."""
    pairs = list(zip(one.rows, wanted, strict=False))  # exact search takes fewer queries
    first = 100 * float(np.mean([found[0] == true[0] for found, true in pairs]))
    ten = 100 * float(np.mean([np.isin(found, true).mean() for found, true in pairs]))
    took = float(np.median(one.times))
    ratios = (took / float(np.median(candidates[other].times)) for other in (FLAT, IVFPQ))
    return (name, one.build_s, one.megabytes, first, ten, took, *ratios)


if __name__ == "__main__":
    main()
