"""`callcause config check` and what a configuration may not say."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from callcause.cli import app
from callcause.configuration import load_configuration, read_configuration, secrets_of
from callcause_error import UsageError
from collectors.registry import sources

EXAMPLE = Path(__file__).parents[2] / "examples" / "callcause.toml"


def write(folder: Path, text: str) -> Path:
    path = folder / "callcause.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_example_is_good() -> None:
    done = CliRunner().invoke(app, ["config", "check", str(EXAMPLE)])
    assert done.exit_code == 0
    assert "asks nobody who they are" in done.stderr


def test_every_source_that_the_example_leaves_out_is_good_too(tmp_path: Path) -> None:
    before, mark, after = EXAMPLE.read_text(encoding="utf-8").partition("# Sources of a live network.")
    lines = [line.removeprefix("# ") for line in after.splitlines() if not line.startswith("# Every polled")]
    found = load_configuration(write(tmp_path, before + "\n".join(lines[1:])))
    kinds = [kind for kind, _ in found.collect.sources()]
    assert mark
    assert sorted(kinds) == sorted(sources())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[servise]\n", "servise: unknown key; did you mean 'service'?"),
        ("[service]\nprt = 1\n", "service.prt: unknown key; did you mean 'port'?"),
        (
            "[service.tls]\ncertificate='a'\nkey='b'\nclient_cert='c'\n",
            "service.tls.client_cert: unknown key",
        ),
        (
            "[[service.tokens]]\nname='a'\nsecret={env='X'}\nrolle='viewer'\n",
            "service.tokens.0.rolle: unknown key; did you mean 'role'?",
        ),
        (
            "[[service.tokens]]\nname='a'\nsecret={enw='X'}\n",
            "service.tokens.0.secret.enw: unknown key; did you mean 'env'?",
        ),
        ("[[notices]]\nname='a'\nurl={env='X'}\nattempt=1\n", "notices.0.attempt: unknown key; did you mean"),
        (
            "[diagnosis.regions.0871]\nthreshold={}\n",
            "diagnosis.regions.0871.threshold: unknown key; did you",
        ),
        ("[state]\ndatabase='mysql://x'\n", "state.database: no such database here"),
        ("[service]\nhost='0.0.0.0'\n", "service: host '0.0.0.0' can be reached by others"),
        (
            "[[service.tokens]]\nname='a'\nsecret='hunter2'\n",
            "service.tokens.0.secret: a secret does not stand",
        ),
        ("[service]\nport='x'\n", "service.port: Input should be a valid integer"),
        (
            "[[collect.prometheuss]]\nname='a'\n",
            "collect.prometheuss: unknown key; did you mean 'prometheus'?",
        ),
    ],
)
def test_what_is_wrong_is_told_with_file_key_and_suggestion(tmp_path: Path, text: str, told: str) -> None:
    path = write(tmp_path, text)
    done = CliRunner().invoke(app, ["config", "check", str(path)])
    assert done.exit_code == 2
    assert f"{path}: {told}" in done.stderr.replace("\n", " ")
    assert "hunter2" not in done.stderr


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    _, wrong = read_configuration(write(tmp_path, "[service]\nprt=1\nport='x'\n[store]\nflush=1\n"))
    assert {error.key for error in wrong} == {"service.prt", "service.port", "store.flush"}


@pytest.mark.parametrize("kind", sorted(sources()))
def test_an_unknown_key_of_any_source_is_refused_with_its_place(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path, f"[[collect.{kind}]]\nname = 'a'\nnaem = 'b'\n")
    _, wrong = read_configuration(path)
    unknown = next(error for error in wrong if error.key == f"collect.{kind}.0.naem")
    assert unknown.hint == "did you mean 'name'?"


def test_a_secret_that_is_not_there_names_its_key_and_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NOT_THERE", raising=False)
    path = write(tmp_path, "[[service.tokens]]\nname='crm'\nsecret={env='NOT_THERE'}\n")
    done = CliRunner().invoke(app, ["config", "check", str(path)])
    assert done.exit_code == 2
    assert "service.tokens.0.secret.NOT_THERE" in done.stderr
    configuration = load_configuration(path)
    assert [key for key, _ in secrets_of(configuration)] == ["service.tokens.0.secret"]


def test_a_value_of_a_secret_is_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TOKEN", "hunter2")
    path = write(tmp_path, "[[service.tokens]]\nname='crm'\nsecret={env='A_TOKEN'}\n")
    configuration = load_configuration(path)
    assert "hunter2" not in repr(configuration) + configuration.model_dump_json()
    done = CliRunner().invoke(app, ["config", "check", str(path)])
    assert (done.exit_code, "hunter2" in done.stderr) == (0, False)
    assert "asks for bearer token" in done.stderr


def test_two_targets_of_one_name_are_refused(tmp_path: Path) -> None:
    notice = "[[notices]]\nname='a'\nurl={env='X'}\n"
    with pytest.raises(UsageError, match="stands twice"):
        load_configuration(write(tmp_path, notice * 2))


def test_a_limit_of_an_unknown_check_is_told(tmp_path: Path) -> None:
    path = write(tmp_path, "[diagnosis.thresholds.MOS-077]\nx = 1.0\n")
    done = CliRunner().invoke(app, ["config", "check", str(path)])
    assert done.exit_code == 2
    assert "did you mean 'MOS-07'" in done.stderr.replace("\n", " ")
