"""What the command `sonant engine` takes, and what it refuses before it listens."""

import pytest

from sonant.cli import parser
from sonant.errors import SettingsError


@pytest.mark.parametrize("spec", ["", "boom", "500=5"])
def test_wrong_faults_are_a_settings_error(spec: str) -> None:
    """Which the command says in a sentence, with exit status 2 (cli.main)."""
    args = parser().parse_args(["engine", "--faults", spec])
    with pytest.raises(SettingsError, match="faults cannot be read"):
        args.run(args)


@pytest.mark.parametrize("credits", ["nan", "inf", "-1", "many"])
def test_credits_are_a_number(credits: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`nan` would never be spent."""
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(["engine", "--credits", credits])
    assert ended.value.code == 2
    assert "--credits" in capsys.readouterr().err


def test_the_help_tells_how_faults_are_written(capsys: pytest.CaptureFixture[str]) -> None:
    """Per cent signs included, which argparse would take for its own."""
    with pytest.raises(SystemExit):
        parser().parse_args(["engine", "--help"])
    assert "latency=200ms,429=5%,500=2%" in " ".join(capsys.readouterr().out.split())
