"""The configuration of a line: a file, options in its place, and what is refused with which words."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from hemline import cli
from hemline.commands.line import running as verb
from hemline.errors import UsageError
from hemline.line.config import LineConfig, default_folder, load
from hemline.line.keys import LINE, PUBLISH, destination, option

WHOLE = """
[line]
name = "hall-2"
folder = "there/hall-2"
bundle = "tiles"
artifact = "litert:int8"
decision = "tiles.decision.json"
source = "camera:0"
trigger = "gpio:17"
frames = 3
combine = "vote"
budget_ms = 200
safe = "stop"
stays_s = 20
keep_passed = 50
pictures_mb = 100
heartbeat_s = 5
golden = "golden"

[publish.mqtt]
host = "broker"
username = "hall"
password_file = "secret"
discovery = false

[publish.gpio]
reject = 22
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "line.toml"
    path.write_text(text)
    return path


def test_a_file_says_everything_about_a_line(tmp_path: Path) -> None:
    config = load(written(tmp_path, WHOLE))
    assert (config.name, config.source, config.trigger, config.safe) == ("hall-2", "camera:0", "gpio:17", "stop")
    assert (config.frames, config.combine, config.budget_ms, config.budget_s) == (3, "vote", 200.0, 0.2)
    assert (config.folder, config.decision, config.golden) == (
        Path("there/hall-2"),
        Path("tiles.decision.json"),
        Path("golden"),
    )
    assert config.pictures_bytes == 100_000_000
    assert config.publish["mqtt"]["host"] == "broker"
    assert config.publish["mqtt"]["discovery"] is False
    assert config.publish["mqtt"]["port"] is None
    assert config.publish["gpio"] == {"pass": None, "review": None, "reject": 22}
    assert "webhook" not in config.publish


def test_a_source_is_all_that_has_to_be_said(tmp_path: Path) -> None:
    config = load(line={"source": "camera:0"}, environment={"XDG_DATA_HOME": str(tmp_path)})
    assert (
        config.folder
        == tmp_path / "hemline" / "line" / "line-1"
        == default_folder("line-1", {"XDG_DATA_HOME": str(tmp_path)})
    )
    assert (config.safe, config.combine, config.publish) == ("reject", "worst", {})
    with pytest.raises(UsageError, match=r"source is missing: name one, such as camera:0"):
        load()


def test_an_option_counts_in_place_of_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, WHOLE)
    config = load(
        path, line={"source": "camera:1", "frames": 1}, publish={"mqtt": {"host": "b2"}, "csv": {"file": "d.csv"}}
    )
    assert (config.source, config.frames, config.combine) == ("camera:1", 1, "vote")
    assert (config.publish["mqtt"]["host"], config.publish["mqtt"]["username"]) == ("b2", "hall")
    assert config.publish["csv"]["file"] == Path("d.csv")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[line]\nsorce = "camera:0"', "[line] no key 'sorce'; nearest: source"),
        ('[lines]\nsource = "a"', "no section 'lines'; nearest: line"),
        ('[line]\nsource = "a"\n[publish.mqqt]\nhost = "b"', "no publisher 'mqqt'; nearest: mqtt"),
        ('[line]\nsource = "a"\n[publish.mqtt]\nhosts = "b"', "[publish.mqtt] no key 'hosts'; nearest: host"),
        ('[line]\nsource = "a"\nframes = 0', "[line] frames 0; a whole number of 1 to 25"),
        ('[line]\nsource = "a"\nframes = 1.5', "[line] frames 1.5; a whole number of 1 to 25"),
        ('[line]\nsource = "a"\nframes = true', "[line] frames True; a whole number of 1 to 25"),
        ('[line]\nsource = "a"\nbudget_ms = nan', "[line] budget_ms nan; a number of 1 to 3,600,000"),
        ('[line]\nsource = "a"\nkeep_decisions = 100', "keep_decisions 100; 0 for all, or 10,000 and more"),
        ('[line]\nsource = "a"\nsafe = "pass"', "[line] safe 'pass'; reject or stop"),
        ('[line]\nsource = "a"\nname = "hall/2"', "[line] name 'hall/2'; letters, digits, . _ and -"),
        ('[line]\nsource = 7', "[line] source 7; a text"),
        ('line = 3', "line is a table: [line]"),
        ('[line]\nsource = "a"\n[publish.webhook]', "[publish.webhook] url is missing"),
        ('[line]\nsource = "a"\n[publish.mqtt]\npassword = "x"',
         "password is not written here, where others read it; use password_file"),
        ('[line]\nsource = "a"\n[publish.mqtt]\npassword_file = "x"\npassword_env = "X"',
         "password_file and password_env: give one"),
        ('[line]\nsource = "a"\n[publish.mqtt]\nkey_file = "x"', "certificate_file and key_file go together"),
        ('[line]\nsource = "a"\n[publish.gpio]\nreject = 4\npass = 4', "[publish.gpio] two verdicts on one pin: 4, 4"),
        ('[line]\nsource = "a"\n[publish.mqtt]\ndiscovery = "yes"', "[publish.mqtt] discovery 'yes'; true or false"),
        ("[line", "not TOML"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_its_place(text: str, says: str, tmp_path: Path) -> None:
    path = written(tmp_path, text)
    with pytest.raises(UsageError) as raised:
        load(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert says in str(raised.value)


def test_every_key_is_an_option_and_every_option_is_in_the_documents() -> None:
    parser = argparse.ArgumentParser()
    verb.add_arguments(parser)
    options = {name for action in parser._actions for name in action.option_strings}
    document = (Path(__file__).resolve().parents[2] / "docs" / "line.md").read_text()
    for section, keys in {"": LINE, **PUBLISH}.items():
        for key in keys:
            assert key.name == "source" or option(key, section) in options
            assert re.search(rf"\b{key.name} = |`{key.name}`", document, re.MULTILINE), f"docs/line.md lacks {key.name}"
            assert destination(key, section).startswith("key_")
    assert {key.name for key in LINE} == set(LineConfig.__dataclass_fields__) - {"publish"}


def test_a_key_of_the_command_line_is_refused_in_the_same_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["line", "run", "camera:0", "--frames", "0"]) == 2
    assert "frames 0; a whole number of 1 to 25" in capsys.readouterr().err
    assert cli.main(["line", "run", "camera:0", "--limit", "0"]) == 2
    assert "--limit 0: give 1 or more" in capsys.readouterr().err
