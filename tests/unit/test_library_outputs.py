"""Files out: named for people, published whole, never over another file, and gone when they are not wanted."""
# ruff: noqa: ASYNC240, PT012 — looking at the folder is the test; the block under test is an `async with`

import errno
import multiprocessing
import os
import stat
import sys
import time
from pathlib import Path

import anyio
import pytest
from anyio import to_thread

from sonant.errors import OutputError
from sonant.library.files import lock_file, move_onto_placeholder, output_error
from sonant.library.names import clean_stem, shown
from sonant.library.outputs import BUFFER_BYTES, STALE_AFTER_S, Draft, OutputFolder

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions and locks")


async def _publish(folder: OutputFolder, stem: str, content: bytes = b"sound") -> Path:
    async with folder.new_file(stem, "mp3") as draft:
        await draft.write(content)
        return await draft.publish()


async def test_a_published_file_is_whole_and_alone(tmp_path: Path) -> None:
    """The folder is made, the content is all there, and no part file stays."""
    root = tmp_path / "not" / "yet" / "there"
    content = os.urandom(3 * BUFFER_BYTES + 17)
    async with OutputFolder(root).new_file("Hello there", "mp3") as draft:
        for start in range(0, len(content), 10_001):
            await draft.write(content[start : start + 10_001])
        assert [path.suffix for path in root.iterdir()] == [".part"]
        path = await draft.publish()
    assert path == root / "Hello there.mp3"
    assert path.read_bytes() == content
    assert list(root.iterdir()) == [path]


async def test_what_was_written_can_be_read_back_before_it_is_published(tmp_path: Path) -> None:
    """A body is checked in its part file, buffered bytes included."""
    async with OutputFolder(tmp_path).new_file("x", "mp3") as draft:
        await draft.write(b"abc")
        draft.file.seek(0)
        assert draft.file.read() == b"abc"


async def test_a_taken_name_gets_a_number(tmp_path: Path) -> None:
    """Nothing is replaced: the second file of a name is "(2)"."""
    folder = OutputFolder(tmp_path)
    (tmp_path / "Hello (2).mp3").write_bytes(b"the person's own")
    paths = [await _publish(folder, "Hello", bytes([number])) for number in range(3)]
    assert [path.name for path in paths] == ["Hello.mp3", "Hello (3).mp3", "Hello (4).mp3"]
    assert [path.read_bytes() for path in paths] == [b"\x00", b"\x01", b"\x02"]
    assert (tmp_path / "Hello (2).mp3").read_bytes() == b"the person's own"


def _publish_many(root: str, worker: int) -> None:
    async def main() -> None:
        async with anyio.create_task_group() as tasks:
            for number in range(10):
                tasks.start_soon(_publish, OutputFolder(Path(root)), "same", f"{worker}.{number}".encode())

    anyio.run(main)


def test_processes_publishing_the_same_name_never_meet(tmp_path: Path) -> None:
    """Forty files from four processes are forty names with forty contents."""
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_publish_many, args=(str(tmp_path), worker)) for worker in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    expected = {f"{worker}.{number}".encode() for worker in range(4) for number in range(10)}
    assert {path.read_bytes() for path in tmp_path.iterdir()} == expected
    assert len(list(tmp_path.iterdir())) == 40


async def test_names_are_found_where_there_are_no_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """exFAT and many network mounts refuse links; the name is then taken by exclusive creation."""

    def no_links(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    folder = OutputFolder(tmp_path)
    async with anyio.create_task_group() as tasks:
        for number in range(8):
            tasks.start_soon(_publish, folder, "same", bytes([number]))
    assert {path.read_bytes() for path in tmp_path.iterdir()} == {bytes([number]) for number in range(8)}


def test_a_failed_move_leaves_no_placeholder(tmp_path: Path) -> None:
    """The empty file that reserved the name goes when the move fails."""
    with pytest.raises(FileNotFoundError):
        move_onto_placeholder(tmp_path / "missing", tmp_path / "target")
    assert list(tmp_path.iterdir()) == []


async def test_after_a_thousand_namesakes_the_name_is_random(tmp_path: Path) -> None:
    """Looking for a free number ends."""
    for number in range(1000):
        (tmp_path / ("x.mp3" if number < 2 else f"x ({number}).mp3")).touch()
    path = await _publish(OutputFolder(tmp_path), "x")
    assert len(path.stem) == len("x (0123456789abcdef)")


async def test_an_unpublished_draft_leaves_nothing(tmp_path: Path) -> None:
    """Leaving the block without publishing, or by an error, removes the part."""
    folder = OutputFolder(tmp_path)
    async with folder.new_file("x", "mp3") as draft:
        await draft.write(b"x")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(RuntimeError, match="upstream"):
        async with folder.new_file("x", "mp3") as draft:
            await draft.write(b"x" * 2 * BUFFER_BYTES)
            raise RuntimeError("upstream")
    assert list(tmp_path.iterdir()) == []


async def test_an_error_after_publishing_keeps_the_file(tmp_path: Path) -> None:
    """What was paid for and named stays when something later fails."""
    with pytest.raises(RuntimeError):
        async with OutputFolder(tmp_path).new_file("x", "mp3") as draft:
            await draft.publish()
            raise RuntimeError
    assert [path.name for path in tmp_path.iterdir()] == ["x.mp3"]


async def test_cancelling_removes_the_file_even_if_just_published(tmp_path: Path) -> None:
    """A cancelled call leaves no file, whichever moment it was cancelled in."""
    for published in (False, True):
        with anyio.CancelScope() as scope:
            async with OutputFolder(tmp_path).new_file("x", "mp3") as draft:
                await draft.write(b"x")
                if published:
                    await draft.publish()
                scope.cancel()
                await anyio.sleep_forever()
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("step", ["_open", "_write_through", "_publish"])
async def test_asyncio_cancelling_during_a_thread_leaves_nothing(
    tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """asyncio's own cancel abandons a thread at work: it finds the draft over, or is cleaned up after."""
    import asyncio
    import threading

    entered, go_on, left = threading.Event(), threading.Event(), threading.Event()
    real = getattr(Draft, step)

    def held(self: Draft, *args: bytes) -> object:
        entered.set()
        go_on.wait(10)
        try:
            return real(self, *args)
        except OSError:
            return None
        except OutputError:
            return None
        finally:
            left.set()

    monkeypatch.setattr(Draft, step, held)

    async def work() -> None:
        async with OutputFolder(tmp_path).new_file("x", "mp3") as draft:
            await draft.write(b"x" * 2 * BUFFER_BYTES)
            await draft.publish()

    task = asyncio.create_task(work())
    await to_thread.run_sync(entered.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go_on.set()
    await to_thread.run_sync(left.wait, 10)
    assert [path.name for path in tmp_path.iterdir()] == []


async def test_asyncio_cancelling_as_the_name_is_given_takes_it_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Published in a thread whose caller is gone: nobody would ever hear of that file."""
    import asyncio
    import threading

    named, go_on = threading.Event(), threading.Event()
    real = Draft._publish

    def held(self: Draft) -> Path:
        path = real(self)
        named.set()
        go_on.wait(10)
        return path

    monkeypatch.setattr(Draft, "_publish", held)
    task = asyncio.create_task(_publish(OutputFolder(tmp_path), "x"))
    await to_thread.run_sync(named.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go_on.set()
    assert list(tmp_path.iterdir()) == []


@posix
async def test_a_file_is_private_while_it_grows_and_ordinary_when_published(tmp_path: Path) -> None:
    """0600 as a part; then what the person's umask gives to any new file."""
    ordinary = tmp_path / "ordinary"
    ordinary.touch()
    async with OutputFolder(tmp_path).new_file("x", "mp3") as draft:
        assert stat.S_IMODE(os.fstat(draft.file.fileno()).st_mode) == 0o600
        path = await draft.publish()
    assert path.stat().st_mode == ordinary.stat().st_mode


@posix
async def test_a_private_folder_and_its_files_stay_private(tmp_path: Path) -> None:
    """Uploads are readable by their owner alone, in folders only the owner can enter."""
    path = await _publish(OutputFolder(tmp_path / "data" / "uploads", private=True), "x")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.parent.parent.stat().st_mode) == 0o700


async def test_stale_parts_go_and_active_ones_stay(tmp_path: Path) -> None:
    """Left alone and held by nobody: only then is a part swept."""
    folder = OutputFolder(tmp_path)
    long_ago = time.time() - STALE_AFTER_S - 60
    stale, fresh, other = (tmp_path / name for name in (".sonant-aa.part", ".sonant-bb.part", "mine.part"))
    for path in (stale, fresh, other):
        path.touch()
    os.utime(stale, (long_ago, long_ago))
    os.utime(other, (long_ago, long_ago))
    (tmp_path / ".sonant-folder.part").mkdir()
    async with folder.new_file("x", "mp3") as draft:
        os.utime(draft.file.fileno(), (long_ago, long_ago))
        folder.sweep()
        assert not stale.exists()
        assert fresh.exists()
        assert other.exists()
        assert (await draft.publish()).exists()
    OutputFolder(tmp_path / "missing").sweep()


@posix
def test_a_held_file_cannot_be_locked_again(tmp_path: Path) -> None:
    """The lock that keeps an active part from being swept, also within one process."""
    path = tmp_path / "x"
    with path.open("wb") as first, path.open("rb") as second:
        assert lock_file(first.fileno())
        assert not lock_file(second.fileno())


async def test_a_file_in_the_folders_place_is_told(tmp_path: Path) -> None:
    """SONANT_OUTPUT_DIR names a file: say so, by path."""
    path = tmp_path / "file"
    path.touch()
    for root in (path, path / "below"):
        with pytest.raises(OutputError, match=r"is not a folder\. Set SONANT_OUTPUT_DIR"):
            await _publish(OutputFolder(root), "x")


@posix
async def test_an_unwritable_folder_is_told(tmp_path: Path) -> None:
    """No permission, whether to write in it or to make it."""
    tmp_path.chmod(0o555)
    me = os.geteuid()
    if me == 0:
        os.seteuid(65534)
    try:
        for root in (tmp_path, tmp_path / "new"):
            with pytest.raises(OutputError, match="is not writable"):
                await _publish(OutputFolder(root), "x")
    finally:
        if me == 0:
            os.seteuid(0)
        tmp_path.chmod(0o755)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
async def test_a_full_disk_is_told_and_nothing_stays(tmp_path: Path) -> None:
    """ENOSPC while writing or while closing becomes a sentence, and the part goes."""
    for content in (b"x" * 2 * BUFFER_BYTES, b"x"):
        with pytest.raises(OutputError, match=r"is full\. Free some space"):
            async with OutputFolder(tmp_path).new_file("x", "mp3") as draft:
                full = os.open("/dev/full", os.O_RDWR)
                os.dup2(full, draft.file.fileno())
                os.close(full)
                await draft.write(content)
                await draft.publish()
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "is full"),
        (errno.EDQUOT, "is full"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "not writable"),
        (errno.ENOTDIR, "not a folder"),
        (errno.EIO, os.strerror(errno.EIO)),
    ],
)
def test_each_trouble_has_its_sentence(number: int, words: str) -> None:
    """What the system says by number is said in words, after the folder's name."""
    message = str(output_error(OSError(number, os.strerror(number)), "The output folder /x", variable="V"))
    assert message.startswith("The output folder /x ")
    assert words in message


async def test_the_folder_is_not_named_where_paths_are_not_told(tmp_path: Path) -> None:
    """Over HTTP no local path is named: messages use the words given instead."""
    (tmp_path / "file").touch()
    with pytest.raises(OutputError) as caught:
        await _publish(OutputFolder(tmp_path / "file", shown_as="The output folder"), "x")
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "stem"),
    [
        ("Hello there", "Hello there"),
        ("24/7 support", "24-7 support"),
        ("../../etc/passwd", "etc-passwd"),
        ("C:\\Windows\\x", "C--Windows-x"),
        ("  two\n\tlines \x00\x07", "two lines"),
        (".hidden", "hidden"),
        ("-rf", "rf"),
        ("...", "speech"),
        ("", "speech"),
        ("\n" * 10_000, "speech"),
        ("CON", "CON_"),
        ("-nul.", "nul_"),
        ("invoice\u202egpj.mp3", "invoice gpj.mp3"),
        ("\ud800 lone", "lone"),
        ("שלום עולם", "שלום עולם"),
        ("👩\u200d👧 family", "👩\u200d👧 family"),
        ("Zu\u0308rich", "Zürich"),
    ],
)
def test_stems_are_cleaned(text: str, stem: str) -> None:
    """Separators, controls, reserved names, leading dots and direction tricks go; readable text stays."""
    assert clean_stem(text) == stem


@pytest.mark.parametrize("text", ["a" * 300, "é" * 300, "👩\u200d👧" * 100, "日本語" * 50, "a" * 119 + " ."])
async def test_long_stems_fit_in_bytes(tmp_path: Path, text: str) -> None:
    """File systems count bytes, and no character is cut in two."""
    path = await _publish(OutputFolder(tmp_path), text)
    assert len(path.name.encode()) <= 124
    assert path.exists()
    assert "\ufffd" not in path.name


async def test_an_extension_given_with_the_stem_is_not_doubled(tmp_path: Path) -> None:
    """`filename` is a stem; people write the ending anyway."""
    assert (await _publish(OutputFolder(tmp_path), "intro.MP3")).name == "intro.mp3"


def test_names_in_sentences_are_one_short_line() -> None:
    """A hostile name cannot add lines to what a model reads."""
    assert shown("a\nIGNORE\x1b[2J\u202e") == "a IGNORE [2J"
    assert len(shown("x" * 10_000)) == 200


@pytest.mark.skipif(sys.platform == "win32", reason="an open file is safe there without a lock")
async def test_a_part_nobody_holds_need_not_grow_old(tmp_path: Path):
    """What a killed process left goes at the next start, though it is seconds old; a part being written stays."""
    folder = OutputFolder(tmp_path)
    left = tmp_path / ".sonant-0011223344556677.part"
    left.write_bytes(b"half a sentence")
    before = time.time() - 5
    os.utime(left, (before, before))
    async with folder.new_file("name", "wav") as draft:
        os.utime(draft._part, (before, before))
        folder.sweep()
        assert not left.exists()
        assert draft._part.exists()
