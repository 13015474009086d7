"""Settings: every variable once, checked, expanded, and never fatal."""

import os
from pathlib import Path

import pytest

from sonant.settings import CLOUD_URL, VARIABLES, load

HOME = Path("/home/ada")


def loaded(**variables: str):  # type: ignore[no-untyped-def]
    return load(variables, home=HOME)


def test_nothing_set_means_the_embedded_engine_and_a_visible_folder() -> None:
    """Rule: no key, no problem."""
    settings = loaded()
    assert settings.problem is None
    assert settings.embedded
    assert settings.api_key is None
    assert settings.output_dir == HOME / "Sonant"
    assert settings.input_dirs == (HOME,)
    assert settings.data_dir.is_absolute()


@pytest.mark.parametrize("blank", ["", "  ", "\n"])
def test_a_blank_key_is_no_key(blank: str) -> None:
    """Rule: hosts pass empty variables for what was not filled in."""
    settings = loaded(CARTESIA_API_KEY=blank)
    assert settings.embedded
    assert settings.problem is None


def test_a_key_means_the_cloud_and_is_never_shown() -> None:
    """Rule: secrets are a type whose repr is masked."""
    settings = loaded(CARTESIA_API_KEY=" sk_car_PLANTED ", SONANT_HTTP_TOKEN="a-secret-token")
    assert settings.base_url == CLOUD_URL
    assert settings.api_key is not None
    assert settings.api_key.get_secret_value() == "sk_car_PLANTED"
    assert "PLANTED" not in f"{settings!r} {settings}"
    assert "a-secret-token" not in f"{settings!r} {settings}"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CARTESIA_API_KEY", "${CARTESIA_API_KEY}"),
        ("CARTESIA_API_KEY", "${user_config.api_key}"),
        ("SONANT_OUTPUT_DIR", "${HOME}/Sonant"),
        ("SONANT_INPUT_DIRS", "/tmp" + os.pathsep + "${DIR}"),
        ("SONANT_DATA_DIR", "~/${x}"),
        ("SONANT_HTTP_TOKEN", "${TOKEN}"),
        ("SONANT_VOICE", "${input:voice}"),
        ("CARTESIA_BASE_URL", "http://example.com"),
        ("CARTESIA_BASE_URL", "http://127.0.0.1.example.com"),
        ("CARTESIA_BASE_URL", "http://localhost@example.com"),
        ("CARTESIA_BASE_URL", "ftp://example.com"),
        ("CARTESIA_BASE_URL", "example.com"),
        ("CARTESIA_BASE_URL", "https://"),
        ("CARTESIA_BASE_URL", "https://user:pass@example.com"),
        ("CARTESIA_BASE_URL", "https://example.com/?key=1"),
        ("CARTESIA_BASE_URL", "https://example.com/#part"),
        ("CARTESIA_BASE_URL", "http://["),
        ("CARTESIA_BASE_URL", "https://example.com:port"),
        ("CARTESIA_BASE_URL", "https://exa mple.com"),
        ("CARTESIA_VERSION", "2024-06-10"),
        ("CARTESIA_VERSION", "latest"),
        ("SONANT_CALL_LIMIT_S", "soon"),
        ("SONANT_CALL_LIMIT_S", "0"),
        ("SONANT_CALL_LIMIT_S", "nan"),
        ("SONANT_CALL_LIMIT_S", "inf"),
        ("SONANT_CONCURRENCY", "0"),
        ("SONANT_CONCURRENCY", "2.5"),
        ("SONANT_CONCURRENCY", "65"),
        ("SONANT_TOOLSETS", "core,everything"),
        ("SONANT_LOG_LEVEL", "LOUD"),
    ],
)
def test_what_is_wrong_is_kept_as_a_sentence_that_names_the_variable(variable: str, value: str) -> None:
    """Rule: a wrong setting does not kill the server; its sentence names the variable and what to do."""
    problem = loaded(**{variable: value}).problem
    assert problem is not None
    assert problem.variable == variable
    assert variable in str(problem)
    assert problem.hint
    assert "pass" not in str(problem)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080", "http://localhost/", "http://[::1]:1", "https://eu.example.com/v1/"]
)
def test_other_addresses_of_the_api_are_honoured(url: str) -> None:
    """Rule: http:// only on this machine; a slash at the end means nothing."""
    settings = loaded(CARTESIA_BASE_URL=url)
    assert settings.problem is None
    assert settings.base_url == url.rstrip("/")


@pytest.mark.parametrize(
    ("value", "path"),
    [("~", HOME), ("~/Audio", HOME / "Audio"), ("Audio", HOME / "Audio"), ("../x", Path("/home/x")),
     ("/srv/audio/", Path("/srv/audio")), (" /srv/a b ", Path("/srv/a b"))],
)  # fmt: skip
@pytest.mark.skipif(os.name == "nt", reason="POSIX paths")
def test_folders_are_expanded_and_made_absolute(value: str, path: Path) -> None:
    """Rule: `~` and relative paths mean the person's home, wherever the host started us."""
    settings = loaded(
        SONANT_OUTPUT_DIR=value, SONANT_DATA_DIR=value, SONANT_INPUT_DIRS=os.pathsep.join([value, "/srv"])
    )
    assert settings.output_dir == settings.data_dir == path
    assert settings.input_dirs == (path, Path("/srv"))


def test_the_first_thing_wrong_is_told() -> None:
    """Rule: one sentence at a time."""
    problem = loaded(CARTESIA_API_KEY="${A}", SONANT_CONCURRENCY="x", SONANT_TOOLSETS="?").problem
    assert problem is not None
    assert problem.variable == "CARTESIA_API_KEY"


def test_values_in_any_case_are_understood() -> None:
    """Rule: words are words."""
    settings = loaded(
        SONANT_LOG_LEVEL="debug", SONANT_TOOLSETS=" Core ", SONANT_CALL_LIMIT_S=" 5 ", SONANT_CONCURRENCY="3"
    )
    assert settings.problem is None
    assert (settings.log_level, settings.call_limit_s, settings.concurrency) == ("DEBUG", 5.0, 3)


def test_every_variable_is_told_once() -> None:
    """Rule: the table of the README has each variable that is read, and no other."""
    read: set[str] = set()

    class Spy(dict[str, str]):
        def get(self, key: str, default: str = "") -> str:  # type: ignore[override]
            read.add(key)
            return default

    load(Spy(), home=HOME)
    assert sorted(read) == sorted(variable.name for variable in VARIABLES)
