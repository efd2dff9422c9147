"""
A whole collection through a bundle on Spark: a table of pictures in, a table of answers out.

In: a folder or glob of picture files (Spark's binaryFile), or a Parquet table with one column of encoded
pictures and one that names them. Out: a Parquet directory with a row for each picture, the bad ones with their
reason, and a note beside the rows of what answered (_hemline.json; readers of Parquet skip it).

The work goes in parts. A part's rows are there once its Spark job is done; a run that was stopped is gone on
with by asking which pictures have no row yet, so that no picture is lost or answered twice.

On the executors the light runtime works: one interpreter in each Python worker, one thread each.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np

from hemline import storage
from hemline.bundle import MANIFEST, Bundle
from hemline.classifier import Classifier, usable_from
from hemline.cluster.session import ONE_THREAD, session, slots
from hemline.errors import DataError, RunError, UsageError
from hemline.sources import Item
from hemline.sources.files import EXTENSIONS

NOTE = "_hemline.json"
PART = 20_000  # pictures whose rows are committed together
BATCH = 256  # pictures that travel to a Python worker at a time
# Spark reckons with 4 MB for opening a file, and would put a thousand small pictures into thirty tasks
OPEN_COST = 64 * 1024
SCHEMA = (
    "source string, label string, confidence float, quality string, reason string, "
    "top array<struct<label: string, probability: float>>, embedding array<float>, artifact string, bundle string"
)
CONTENT = ("content", "bytes", "image", "picture", "data")
NAMES = ("path", "source", "id", "name", "file", "filename", "key")

_open: dict[str, Classifier] = {}  # of this Python worker


@dataclass(frozen=True)
class Done:
    """What a run came to. pictures: rows in the output. before: those of earlier runs. bad: without an answer.

    seconds: of classifying, without the start of the session.
    """

    pictures: int
    before: int
    bad: int
    seconds: float


@dataclass(frozen=True)
class Answering:
    """How pictures are answered, as Classifier.open takes it. It travels to the executors."""

    artifact: str
    top: int = 3
    max_risk: float | None = None


def classify(
    master: str,
    where: str,
    out: Path,
    bundle: Bundle,
    asked: Answering,
    *,
    part: int = PART,
    say: Callable[[str], None] = lambda line: None,
) -> Done:
    """Classify what is at `where` into the Parquet directory `out`; see the module.

    where: a folder, a glob, a Parquet file or a directory that ends in .parquet; local (then the same on every
    machine) or any URL that Spark reads. part: pictures committed together.
    Raises DataError when there is nothing at `where`, when names are not unique, or when rows and pictures do
    not come out equal; UsageError when `out` holds the answers of something else, or when the risk that was asked
    for cannot be kept.
    """
    usable_from(bundle, asked.artifact, asked.max_risk)
    note = _note(bundle, asked, where)
    _check(out, note)
    settings = {
        "spark.sql.execution.arrow.maxRecordsPerBatch": str(BATCH),
        "spark.sql.files.openCostInBytes": str(OPEN_COST),
        "spark.sql.sources.parallelPartitionDiscovery.threshold": "1000000",  # listing a part is the driver's work
    }
    with session(master, "hemline classify", settings) as spark:
        pictures = _Files(spark, where) if not _is_table(where) else _Table(spark, where)
        _check(out, note)
        storage.write_file(out / NOTE, json.dumps(note, indent=1).encode())
        return _run(spark, pictures, out, _ship(spark, bundle), asked, part, say)


def _run(
    spark: Any,
    pictures: _Files | _Table,
    out: Path,
    archive: str,
    asked: Answering,
    part: int,
    say: Callable[[str], None],
) -> Done:
    import time

    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    answered = _sources(spark, out)
    total, before = pictures.count(), len(answered)
    say(f"{total:,} pictures" + (f", {before:,} answered before" if before else "") + f"; {slots(spark)} at a time")
    started, done = time.perf_counter(), before
    for rows, count in pictures.parts(answered, part):
        batches = rows.mapInArrow(_answers(archive, asked), SCHEMA)
        try:
            batches.write.mode("append").parquet(str(out))
        except (PySparkException, Py4JError) as error:
            raise RunError(f"{out}: Spark gave up: {_reason(error)}; the parts before this one are kept") from error
        done += count
        rate = (done - before) / (time.perf_counter() - started)
        say(f"{done:,} of {total:,}  {rate:,.0f} pictures/s")
    seconds = time.perf_counter() - started
    table = spark.read.schema(SCHEMA).parquet(str(out))
    found, bad = table.count(), table.filter("quality = 'bad'").count()
    if found != total:
        raise DataError(f"{out}: {found:,} rows for {total:,} pictures; were pictures added or taken away meanwhile?")
    return Done(found, before, bad, seconds)


# ---- what comes in


class _Files:
    """Picture files below a folder, or those that a glob matches."""

    def __init__(self, spark: Any, where: str) -> None:
        from pyspark.errors import PySparkException

        self._spark = spark
        reader = spark.read.format("binaryFile").option("recursiveFileLookup", "true")
        try:
            # the column of bytes is not asked for: nothing is opened
            table = reader.load(_url(where))
            filled = {row.path for row in table.select("path").toLocalIterator()}
            # Spark gives no row for a file of no bytes, but names it among its inputs
            listed = {re.sub("^file:/+", "file:/", unquote(url)) for url in table.inputFiles()}
        except PySparkException as error:
            raise DataError(f"{where}: {_reason(error)}") from None
        self._empty = listed - filled
        self._paths = sorted(path for path in filled | listed if path.lower().endswith(EXTENSIONS))
        if not self._paths:
            raise DataError(f"{where}: no picture here or below; looked for {', '.join(EXTENSIONS)}")

    def count(self) -> int:
        """Return how many pictures there are."""
        return len(self._paths)

    def parts(self, answered: set[str], size: int) -> Iterator[tuple[Any, int]]:
        """Yield (rows of source and content, their count) of the pictures that have no answer yet."""
        left = [path for path in self._paths if _shown(path) not in answered]
        for start in range(0, len(left), size):
            chosen = left[start : start + size]
            yield self._rows(chosen), len(chosen)

    def _rows(self, paths: list[str]) -> Any:
        empty = [(_shown(path), b"") for path in paths if path in self._empty]
        rows = self._spark.createDataFrame(empty, "source string, content binary")
        filled = [_escaped(path) for path in paths if path not in self._empty]
        if filled:
            read = self._spark.read.format("binaryFile").load(filled)
            rows = rows.union(read.selectExpr("regexp_replace(path, '^file:/+', '/') as source", "content"))
        return rows


class _Table:
    """A Parquet table with encoded pictures."""

    def __init__(self, spark: Any, where: str) -> None:
        from pyspark.errors import PySparkException

        self._spark = spark
        try:
            self._table = spark.read.parquet(_url(where))
        except PySparkException as error:
            raise DataError(f"{where}: {_reason(error)}") from None
        self._columns = _columns(self._table, where)
        names = self._table.select(self._columns[0])
        self._count = names.count()
        if names.distinct().count() != self._count:
            raise DataError(f"{where}: column {self._columns[0]} names some pictures twice; each row needs its own")

    def count(self) -> int:
        """Return how many rows there are."""
        return int(self._count)

    def parts(self, answered: set[str], size: int) -> Iterator[tuple[Any, int]]:
        """Yield (rows of source and content, their count), as many files of the table as make up a part."""
        chosen: list[str] = []
        count = 0
        files = sorted(self._table.inputFiles())
        for number, file in enumerate(files, 1):
            rows = self._spark.read.parquet(file).select(self._columns[0])
            left = sum(str(row[0]) not in answered for row in rows.toLocalIterator())
            if left:
                chosen.append(file)
                count += left
            if chosen and (count >= size or number == len(files)):
                yield self._rows(chosen, answered), count
                chosen, count = [], 0

    def _rows(self, files: list[str], answered: set[str]) -> Any:
        name, content = self._columns
        rows = self._spark.read.parquet(*files).selectExpr(
            f"cast(`{name}` as string) as source", f"{content} as content"
        )
        if answered:
            before = self._spark.createDataFrame([(source,) for source in answered], "source string")
            rows = rows.join(before, "source", "left_anti")
        return rows.repartition(max(4 * slots(self._spark), 8))


def _columns(table: Any, where: str) -> tuple[str, str]:
    """Return the column that names a picture and the expression that gives its bytes."""
    kinds = {field.name: field.dataType.simpleString() for field in table.schema.fields}
    contents = {name: f"`{name}`" for name, kind in kinds.items() if kind == "binary"}
    # as data sets on the Hugging Face hub hold them
    contents |= {name: f"`{name}`.bytes" for name, kind in kinds.items() if kind.startswith("struct<bytes:binary")}
    names = [name for name, kind in kinds.items() if kind in ("string", "int", "bigint")]
    content = _one(list(contents), CONTENT)
    name = _one(names, NAMES)
    if content is None or name is None:
        raise DataError(
            f"{where}: wanted a column of encoded pictures ({', '.join(CONTENT)}) and one that names them "
            f"({', '.join(NAMES)}); found {', '.join(f'{key} {kind}' for key, kind in kinds.items())}"
        )
    return name, contents[content]


def _one(found: list[str], known: tuple[str, ...]) -> str | None:
    """Return the only one, or the first with a known name."""
    if len(found) == 1:
        return found[0]
    return next((name for name in known if name in found), None)


# ---- what is where


def _is_table(where: str) -> bool:
    return where.rstrip("/").endswith(".parquet")


def _url(where: str) -> str:
    """Return a local path as a URL: without one Spark takes its default file system, which need not be local."""
    return where if "://" in where else f"file://{Path(where).absolute()}"


def _shown(path: str) -> str:
    """Return a path of Spark's as people write it."""
    return "/" + path.removeprefix("file:").lstrip("/") if path.startswith("file:") else path


def _escaped(path: str) -> str:
    """Return a path that Spark does not take for a pattern."""
    return "".join(f"\\{sign}" if sign in "*?[]{}\\" else sign for sign in path)


def _reason(error: Exception) -> str:
    """Return the line of a Spark error that says what was wrong: the end of a Python traceback, or its beginning."""
    lines = str(error).splitlines()
    raised = [line.strip() for line in lines if re.match(r"\s*[\w.]+(Error|Exception): ", line)]
    python = [line for line in raised if not re.match(r"(org|java|scala|py4j)\.", line)]
    return (python or raised or lines or [type(error).__name__])[-1 if python else 0]


def _sources(spark: Any, out: Path) -> set[str]:
    """Return the pictures that have a row."""
    if not any(out.glob("*.parquet")):
        return set()
    return {row.source for row in spark.read.schema(SCHEMA).parquet(str(out)).select("source").toLocalIterator()}


def _note(bundle: Bundle, asked: Answering, where: str) -> dict[str, Any]:
    chosen = bundle.artifact(asked.artifact)
    files = [*chosen.files, *([chosen.unknown] if chosen.unknown else [])]
    return {
        "schema": 1,
        "input": where,
        "bundle": bundle.title,
        "artifact": asked.artifact,
        "class_lock": bundle.class_lock,
        "sha256": [file.sha256 for file in files],
        "top": asked.top,
        "max_risk": asked.max_risk,
    }


def _check(out: Path, note: dict[str, Any]) -> None:
    """Raise UsageError when `out` is not free and not the beginning of these answers."""
    if out.suffix != ".parquet":
        raise UsageError(f"--output {out}: it is a directory of Parquet files; let its name end in .parquet")
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    try:
        there = json.loads((out / NOTE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise UsageError(f"{out}: exists and is not an output of this command; choose another --output") from None
    for key, value in note.items():
        if there.get(key) != value:
            raise UsageError(
                f"{out}: holds answers with {key} {there.get(key)!r}, asked for {value!r}; choose another --output"
            )


# ---- on the executors


def _ship(spark: Any, bundle: Bundle) -> str:
    """Send the bundle to every executor; return the name it has there."""
    assert bundle.directory is not None
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in [MANIFEST, *(file.path for file in bundle.files())]:
            archive.writestr(name, (bundle.directory / name).read_bytes())
    digest = hashlib.sha256(stream.getvalue()).hexdigest()[:16]
    name = f"hemline-bundle-{digest}"
    path = Path(spark.sparkContext._temp_dir) / f"{name}.zip"
    path.write_bytes(stream.getvalue())
    spark.sparkContext.addArchive(f"{path}#{name}")
    return name


def _answers(archive: str, asked: Answering) -> Callable[[Iterator[Any]], Iterator[Any]]:
    """Return the function that runs on executors: batches of (source, content) to batches of answers."""

    def answer(batches: Iterator[Any]) -> Iterator[Any]:
        import pyarrow as pa

        kind = pa.schema(
            [
                *((name, pa.string()) for name in ("source", "label")),
                ("confidence", pa.float32()),
                *((name, pa.string()) for name in ("quality", "reason")),
                ("top", pa.list_(pa.struct([("label", pa.string()), ("probability", pa.float32())]))),
                ("embedding", pa.list_(pa.float32())),
                *((name, pa.string()) for name in ("artifact", "bundle")),
            ]
        )
        classifier = _classifier(archive, asked)
        for batch in batches:
            sources, contents = (batch.column(name).to_pylist() for name in ("source", "content"))
            rows = [_row(classifier, source, content) for source, content in zip(sources, contents, strict=True)]
            yield pa.RecordBatch.from_pylist(rows, schema=kind)

    return answer


def _classifier(archive: str, asked: Answering) -> Classifier:
    """Return this worker's classifier; opened once."""
    key = f"{archive} {asked}"
    if key not in _open:
        import os

        import cv2
        from pyspark import SparkFiles

        os.environ.update(ONE_THREAD)
        cv2.setNumThreads(1)
        _open[key] = Classifier.open(
            Path(SparkFiles.get(archive)), artifact=asked.artifact, top=asked.top, max_risk=asked.max_risk
        )
    return _open[key]


def _row(classifier: Classifier, source: str, content: bytes | None) -> dict[str, Any]:
    if content is None:
        result = classifier.refuse(source, f"{source}: no bytes in this row")
    else:
        result = classifier.classify_item(Item(source, content))
    known = result.quality != "bad"
    return {
        "source": result.source,
        "label": result.label,
        "confidence": result.confidence,
        "quality": result.quality,
        "reason": result.reason,
        "top": [{"label": label, "probability": share} for label, share in result.top],
        # an array, not a list: Arrow takes it as it is, and a hundred Python numbers a picture are not made
        "embedding": np.array(classifier.engine.embedding()[0]) if known else None,
        "artifact": result.artifact,
        "bundle": result.bundle,
    }
