"""The README says what the code does."""

import json
import re
import shlex
from pathlib import Path

import pytest

from readme_tables import README, render, tables
from sonant import __version__
from sonant.cli import parser

ROOT = Path(__file__).parents[2]
TEXT = README.read_text("utf-8")


def commands() -> list[str]:
    """Every command of the README that runs Sonant: of its shell blocks, and those in running text."""
    blocks = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
    lines = [part for block in blocks for line in block.splitlines() for part in line.split(" && ")]
    lines += re.findall(r"`([^`\n]+)`", TEXT)
    return [line for line in lines if ".venv/bin/sonant " in line]


def test_the_tables_of_tools_and_settings_equal_the_code() -> None:
    """They are rendered from it: run `python tests/readme_tables.py` after a change."""
    assert render(TEXT, tables()) == TEXT


@pytest.mark.parametrize("command", commands())
def test_every_command_of_the_readme_is_one(command: str) -> None:
    """Each parses as the program would parse it."""
    words = shlex.split(command.partition(" < ")[0], comments=True)
    program = words.index(".venv/bin/sonant")
    assert parser().parse_args(words[program + 1 :]).run is not None


def test_the_two_lines_are_one_line_each() -> None:
    """One does the main job and one passes the tests; CI takes them from here."""
    for name in ("speak", "test"):
        block = re.search(rf"<!-- {name} -->\n```sh\n(.*?)```", TEXT, re.DOTALL)
        assert block is not None
        assert block[1].count("\n") == 1


def test_links_within_the_repository_lead_somewhere() -> None:
    """Files exist and headings too."""
    headings = {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in re.findall(r"^#+ (.*)$", TEXT, re.M)
    }
    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        if target.startswith("#"):
            assert target[1:] in headings
        elif not target.startswith("https://"):
            assert (ROOT / target).is_file()


def test_the_changelog_tells_of_this_version() -> None:
    """Whoever installs it can read what is new."""
    assert f"## {__version__}\n" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_the_example_configuration_is_one_a_host_takes() -> None:
    """A command, its arguments and an environment of strings."""
    config = json.loads((ROOT / "claude_config.example.json").read_text("utf-8"))
    server = config["mcpServers"]["sonant"]
    assert set(server) == {"command", "args", "env"}
    assert all(isinstance(value, str) for value in (server["command"], *server["args"], *server["env"].values()))
