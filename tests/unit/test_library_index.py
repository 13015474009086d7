"""The index of what was made: shared by processes, private, and honest about what it cannot do."""

import multiprocessing
import os
import sqlite3
import stat
import sys
import time
from datetime import UTC, datetime, timedelta
from multiprocessing.synchronize import Barrier
from pathlib import Path

import anyio
import pytest

from sonant.errors import OutputError
from sonant.library.identity import ID_PATTERN, new_id
from sonant.library.index import Entry, Index, Kind

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")


def _entry(path: str = "/out/Hello.mp3", *, kind: Kind = "audio", at: datetime | None = None) -> Entry:
    return Entry(new_id(), kind, Path(path), Path(path).suffix[1:], at or datetime.now(UTC), 1.5, 8000, "pcm_mulaw")


def test_ids_are_128_random_bits() -> None:
    """32 lower-case hex digits, never the same twice."""
    ids = {new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(ID_PATTERN.fullmatch(each) for each in ids)


async def test_an_entry_comes_back_as_it_went_in_also_after_a_restart(tmp_path: Path) -> None:
    """Every field, from another Index on the same file."""
    index = Index(tmp_path / "data" / "index.sqlite3")
    bare = Entry(new_id(), "transcript", Path("/out/ü '\".srt"), "srt", datetime.now(UTC))
    full = _entry()
    await index.add(full)
    await index.add(bare)
    await index.close()
    again = Index(index.path)
    assert await again.get(full.id) == full
    assert await again.get(bare.id) == bare
    assert await again.get(new_id()) is None
    await again.close()


async def test_the_newest_come_first(tmp_path: Path) -> None:
    """`recent` is ordered by time, then by when it was added, and stops at the limit."""
    index = Index(tmp_path / "index.sqlite3")
    now = datetime.now(UTC)
    old, new, twin = _entry(at=now - timedelta(days=1)), _entry(at=now), _entry(at=now)
    for entry in (new, old, twin):
        await index.add(entry)
    assert await index.recent(2) == [twin, new]
    assert await index.recent() == [twin, new, old]
    await index.close()


def test_addresses_and_types_follow_the_kind() -> None:
    """audio:// for sound, transcript:// for text, each with its MIME type."""
    sound, text = _entry("/out/x.mp3"), _entry("/out/x.vtt", kind="transcript")
    assert (sound.uri, sound.mime_type) == (f"audio://{sound.id}.mp3", "audio/mpeg")
    assert (text.uri, text.mime_type) == (f"transcript://{text.id}.vtt", "text/vtt")


@posix
async def test_the_index_is_private(tmp_path: Path) -> None:
    """0700 and 0600, the write-ahead files included, whatever the umask; a folder that existed keeps its mode."""
    before = os.umask(0)
    try:
        index = Index(tmp_path / "a" / "b" / "index.sqlite3")
        await index.add(_entry())
        files = list(index.path.parent.iterdir())
        assert len(files) == 3
        assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
        assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700
        assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700
        await index.close()
        (tmp_path / "shared").mkdir(mode=0o755)
        (tmp_path / "shared" / "index.sqlite3").touch(mode=0o644)
        other = Index(tmp_path / "shared" / "index.sqlite3")
        await other.recent()
        assert stat.S_IMODE((tmp_path / "shared").stat().st_mode) == 0o755
        assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "shared").iterdir()} == {0o600}
        await other.close()
    finally:
        os.umask(before)


def _add_many(path: str, together: Barrier) -> None:
    async def main() -> None:
        index = Index(Path(path))
        for number in range(25):
            await index.add(_entry(f"/{os.getpid()}/{number}.mp3"))
        await index.close()

    together.wait(30)
    anyio.run(main)


def test_processes_share_the_index_from_its_first_moment(tmp_path: Path) -> None:
    """Four servers starting at once on no file at all: one schema, no lost row, no "locked"."""
    context = multiprocessing.get_context("spawn")
    together = context.Barrier(4)
    path = tmp_path / "data" / "index.sqlite3"
    workers = [context.Process(target=_add_many, args=(str(path), together)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0, 0]
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(DISTINCT path) FROM entries").fetchone() == (100,)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


async def test_tasks_share_one_index(tmp_path: Path) -> None:
    """Calls running at once in one process lose nothing either."""
    index = Index(tmp_path / "index.sqlite3")
    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(index.add, _entry())
    assert len(await index.recent(100)) == 20
    await index.close()


async def test_a_newer_schema_is_refused_by_name_and_left_alone(tmp_path: Path) -> None:
    """An older Sonant beside a newer one must not touch its file."""
    path = tmp_path / "index.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    index = Index(path)
    with pytest.raises(OutputError, match="newer Sonant"):
        await index.add(_entry())
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)


async def test_a_file_that_is_no_index_is_told(tmp_path: Path) -> None:
    """Damage is a sentence that says where to look, not a traceback."""
    path = tmp_path / "index.sqlite3"
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(OutputError, match="SONANT_DATA_DIR"):
        await Index(path).recent()
    with pytest.raises(OutputError, match="Sonant's data folder is not a folder"):
        await Index(path / "below" / "index.sqlite3").recent()


async def test_an_add_takes_little_time(tmp_path: Path) -> None:
    """Under 2 ms when nothing else runs; ten times that is allowed here, for busy machines."""
    index = Index(tmp_path / "index.sqlite3")
    await index.recent()
    durations_s = []
    for _ in range(50):
        started = time.perf_counter()
        await index.add(_entry())
        durations_s.append(time.perf_counter() - started)
    await index.close()
    assert sorted(durations_s)[25] < 0.020
