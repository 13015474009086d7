"""Files in: found by the names people use, and read only where they may be."""

import io
import os
import socket
import sys
import tempfile
import wave
from pathlib import Path, PureWindowsPath

import pytest

from sonant.errors import AudioInputError, InputError, PathNotAllowedError
from sonant.library import inputs as inputs_module
from sonant.library.inputs import InputFiles
from sonant.library.places import application_data_folders, may_read, windows_refusal

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX links, pipes and permissions")


def _wav() -> bytes:
    with io.BytesIO() as file:
        with wave.open(file, "wb") as sound:
            sound.setparams((1, 2, 8000, 0, "NONE", ""))
            sound.writeframes(bytes(1600))
        return file.getvalue()


WAV = _wav()


class Folders:
    """A home with a Sonant folder in it, and a world outside."""

    def __init__(self, root: Path) -> None:
        self.home, self.output, self.outside = root / "home", root / "home" / "Sonant", root / "outside"
        self.output.mkdir(parents=True)
        self.outside.mkdir()
        self.files = InputFiles([self.home], [self.output, self.home], [self.home / "Library"])

    def add(self, path: Path, content: bytes = WAV) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def read(self, reference: str | Path) -> bytes:
        opened = self.files.open(str(reference))
        with opened.file:
            content = opened.file.read()
        assert opened.size == len(content)
        return content

    def refused(self, reference: str | Path, kind: type[InputError] = PathNotAllowedError) -> str:
        with pytest.raises(kind) as caught:
            self.files.open(str(reference))
        return str(caught.value)


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folders:
    folders = Folders(tmp_path)
    monkeypatch.setenv("HOME", str(folders.home))
    monkeypatch.setenv("USERPROFILE", str(folders.home))
    return folders


def test_every_way_to_name_a_file_works(folders: Folders) -> None:
    """An absolute path, "~", file:// with its percent signs, a bare name, a relative path, and any case of scheme."""
    path = folders.add(folders.home / "My Talks" / "Ünï #1?.mp3")
    folders.add(folders.output / "made.wav")
    for reference in (
        str(path),
        f"  {path}\n",
        "~/My Talks/Ünï #1?.mp3",
        path.as_uri(),
        path.as_uri().replace("file:///", "FILE://localhost/"),
        f"file://{path}",
        "My Talks/Ünï #1?.mp3",
        "made.wav",
    ):
        assert folders.read(reference) == WAV, reference
    opened = folders.files.open(str(path))
    opened.file.close()
    assert (opened.name, opened.extension) == ("Ünï #1?.mp3", "wav")  # by content, not by name


def test_a_bare_name_is_looked_up_in_order(folders: Folders) -> None:
    """Output folder first here; a folder of that name does not hide a file elsewhere."""
    folders.add(folders.home / "a.wav")
    folders.add(folders.output / "a.wav", WAV + b"newer")
    assert folders.read("a.wav") == WAV + b"newer"
    folders.add(folders.home / "b.wav")
    (folders.output / "b.wav").mkdir()
    assert folders.read("b.wav") == WAV


def test_a_missing_file_says_where_it_was_sought(folders: Folders) -> None:
    """And that what is attached in a chat is not here."""
    message = folders.refused("nothing.wav", InputError)
    assert str(folders.output) in message
    assert "attached in a chat is not on this computer" in message
    assert "There is no file" in folders.refused(folders.home / "nothing.wav", InputError)
    assert "There is no file" in folders.refused(folders.add(folders.home / "a.wav") / "below", InputError)


def test_outside_is_refused_whether_or_not_it_exists(folders: Folders) -> None:
    """A refusal must not tell what exists elsewhere; it says which folders there are, and about chats."""
    there, not_there = folders.add(folders.outside / "there.wav"), folders.outside / "gone.wav"
    messages = [folders.refused(path) for path in (there, not_there)]
    assert messages[0].replace("there.wav", "") == messages[1].replace("gone.wav", "")
    assert str(folders.home) in messages[0]
    assert "attached in a chat is not on this computer" in messages[0]
    for name in ("there", "gone"):
        folders.refused(f"../../outside/{name}.wav")
        folders.refused(f"{folders.home}/../outside/{name}.wav")
        folders.refused(f"~/../outside/{name}.wav")
        folders.refused(f"file://{folders.home}/%2e%2e/outside/{name}.wav")


@posix
def test_links_are_judged_by_where_they_lead(folders: Folders) -> None:
    """A link out is refused, of a file or a folder; a link within is followed."""
    secret = folders.add(folders.outside / "secret.wav")
    target = folders.add(folders.home / "real.wav")
    (folders.home / "out.wav").symlink_to(secret)
    (folders.home / "folder").symlink_to(folders.outside)
    (folders.home / "within.wav").symlink_to(target)
    (folders.home / "loop.wav").symlink_to("loop.wav")
    for reference in ("out.wav", folders.home / "out.wav", "folder/secret.wav", "folder/gone.wav"):
        folders.refused(reference)
    assert folders.read("within.wav") == WAV
    folders.refused("loop.wav", InputError)


@posix
@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_link_swapped_in_before_opening_gains_nothing(
    folders: Folders, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The open descriptor is judged again: the path said one thing, the file is another."""
    secret = folders.add(folders.outside / "a.wav")
    victim = folders.add(folders.home / "sub" / "a.wav")
    real = inputs_module._check_regular

    def swap(status: os.stat_result, path: Path, **_: bool) -> None:
        real(status, path)
        if not victim.parent.is_symlink() and not victim.is_symlink():
            victim.unlink()
            if what == "file":
                victim.symlink_to(secret)
            else:
                victim.parent.rmdir()
                victim.parent.symlink_to(folders.outside)

    monkeypatch.setattr(inputs_module, "_check_regular", swap)
    folders.refused(victim)


def test_hidden_files_and_folders_are_refused(folders: Folders) -> None:
    """Dot files, anything below a dot folder, and application data; also through ".." and bare names."""
    for path in (".hidden.wav", ".ssh/key.wav", "a/.git/x/y.wav", "Library/Mail/x.wav", ".sonant-aa.part"):
        folders.add(folders.home / path)
        assert "hidden" in folders.refused(folders.home / path)
        folders.refused(path)
    folders.refused(".not-there.wav")


def test_a_hidden_folder_that_was_allowed_by_name_is_open(folders: Folders) -> None:
    """Whoever names it means it; what is hidden below it stays closed."""
    inside = folders.add(folders.home / ".recordings" / "a.wav")
    below = folders.add(folders.home / ".recordings" / ".trash" / "a.wav")
    allowed = [folders.home, folders.home / ".recordings"]
    assert may_read(inside, allowed, [])
    assert not may_read(below, allowed, [])


def test_application_data_is_closed_by_default(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    """The platform's folders; but a home that is its own XDG_CONFIG_HOME is not closed with them."""
    monkeypatch.setenv("XDG_DATA_HOME", str(folders.home / "appdata"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folders.home))
    closed = application_data_folders()
    assert folders.home not in closed
    if sys.platform == "linux":
        assert folders.home / "appdata" in closed
        path = folders.add(folders.home / "appdata" / "mail" / "a.wav")
        with pytest.raises(PathNotAllowedError):
            InputFiles([folders.home], []).open(str(path))


@posix
def test_only_ordinary_files_are_opened(folders: Folders) -> None:
    """Folders, pipes (nobody at the other end: must not wait), sockets and devices each get a sentence."""
    os.mkfifo(folders.home / "pipe.wav")
    assert "not an ordinary file" in folders.refused("pipe.wav")
    assert "is a folder" in folders.refused("~")
    assert "is a folder" in folders.refused("Sonant")
    with socket.socket(socket.AF_UNIX) as listener:
        here = os.getcwd()
        os.chdir(folders.home)  # the path of a socket may not be long
        try:
            listener.bind("s.wav")
        finally:
            os.chdir(here)
        assert "not an ordinary file" in folders.refused("s.wav")
    devices = InputFiles([Path("/dev")], [])
    with pytest.raises(PathNotAllowedError, match="not an ordinary file"):
        devices.open("/dev/zero")


@posix
def test_a_pipe_swapped_in_before_opening_does_not_block(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opened without waiting, then seen for what it is."""
    pipe = folders.home / "pipe.wav"
    os.mkfifo(pipe)
    real, seen = inputs_module._check_regular, []

    def blind_once(status: os.stat_result, path: Path, **_: bool) -> None:
        seen.append(path)
        if len(seen) > 1:
            real(status, path)

    monkeypatch.setattr(inputs_module, "_check_regular", blind_once)
    assert "not an ordinary file" in folders.refused(pipe)


def test_what_is_no_usable_recording_is_told_without_its_content(folders: Folders) -> None:
    """Empty, too large, or something else than audio."""
    assert "is empty" in folders.refused(folders.add(folders.home / "a.wav", b""), AudioInputError)
    secret = folders.add(folders.home / "notes.mp3", b"my password is hunter2\n" * 500)
    message = folders.refused(secret, AudioInputError)
    assert "notes.mp3 is not audio" in message
    assert "hunter2" not in message
    folders.files.max_bytes = len(WAV)
    assert folders.read(folders.add(folders.home / "fits.wav")) == WAV
    assert "larger than 0.00164 MB" in folders.refused(folders.add(folders.home / "b.wav", WAV + b"x"), AudioInputError)


@posix
def test_an_unreadable_file_is_told() -> None:
    """The system's own word for it."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        path = Path(folder) / "a.wav"
        path.write_bytes(WAV)
        path.chmod(0)
        me = os.geteuid()
        if me == 0:  # who may read everything
            os.seteuid(65534)
        try:
            with pytest.raises(InputError, match=r"a\.wav cannot be read: Permission denied"):
                InputFiles([Path(folder)], [], []).open(str(path))
        finally:
            if me == 0:
                os.seteuid(0)


@pytest.mark.parametrize(
    "reference", ["", " ", "\0", "a\0b.wav", "file:///a%00b", "file://", "file:rel.wav", "\ud800.wav", "x" * 5000]
)
def test_what_names_no_file_is_told(folders: Folders, reference: str) -> None:
    """NUL, nothing, lone surrogates, endless names: a sentence of bearable length, no traceback."""
    assert len(folders.refused(reference, InputError)) < 1000


def test_a_file_on_another_computer_is_refused(folders: Folders) -> None:
    """file://host/… would be a network share."""
    assert "another computer" in folders.refused("file://server/share/a.wav")


@pytest.mark.parametrize(
    ("path", "why"),
    [
        (r"\\server\share\a.wav", "another computer"),
        ("//server/share/a.wav", "another computer"),
        (r"\\.\COM1", "another computer or a device"),
        (r"\\?\C:\a.wav", "another computer or a device"),
        (r"C:\recordings\NUL", "a device"),
        (r"con.wav", "a device"),
        (r"C:\x\aux .wav", "a device"),
        (r"C:\x\a.wav:stream", "hidden stream"),
        (r"C:\x\a.wav", None),
        (r"C:x.wav", None),
        (r"console.wav", None),
    ],
)
def test_windows_names_that_are_not_files_are_refused(path: str, why: str | None) -> None:
    """UNC paths, devices in any folder, and alternate streams."""
    refusal = windows_refusal(PureWindowsPath(path))
    assert (refusal is None) if why is None else (refusal is not None and why in refusal)
