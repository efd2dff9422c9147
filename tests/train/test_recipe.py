from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hemline.errors import UsageError
from hemline_train import recipe as recipes
from hemline_train.architecture import KINDS, Average, BatchNorm, Conv, Dense, Dropout, Flatten, Pool, Residual, parse


def test_a_dumped_recipe_loads_as_itself(tmp_path: Path) -> None:
    for name in recipes.names():
        recipe = recipes.load(name)
        path = tmp_path / f"{name}.toml"
        path.write_text(recipes.dump(recipe))
        assert recipes.load(path) == recipe


def test_text_with_quotes_and_control_characters_survives_dumping(tiny: Path, tmp_path: Path) -> None:
    name = 'a "b"\\c\n\t\x7f\x01é'
    recipe = recipes.override(recipes.load(tiny), [f"data.name={name}"])
    assert recipe.data.name == name
    path = tmp_path / "odd.toml"
    path.write_text(recipes.dump(recipe), encoding="utf-8")
    assert recipes.load(path) == recipe


@pytest.mark.parametrize("value", [1e-07, 1e16, 0.1, 3.0])
def test_a_number_survives_dumping_as_the_same_number(tiny: Path, tmp_path: Path, value: float) -> None:
    recipe = recipes.override(recipes.load(tiny), [f"training.learning_rate={min(value, 10.0)!r}"])
    path = tmp_path / "number.toml"
    path.write_text(recipes.dump(recipe))
    assert recipes.load(path).training.learning_rate == min(value, 10.0)


def test_fashion_cnn_is_the_published_network_and_promises_a_score() -> None:
    recipe = recipes.load("fashion-cnn")
    convolutions = (Conv(32), Pool(), Conv(64), Pool())
    assert recipe.model.parsed() == (*convolutions, Dropout(0.3), Flatten(), Dense(128), Dropout(0.3))
    assert recipe.training.optimiser == "adam"
    assert recipe.training.batch == 32
    assert recipe.training.patience == 3
    assert recipe.expect is not None
    assert recipe.expect.parameters == 225_034


def test_what_is_expected_is_of_the_test_pictures_or_those_of_validation() -> None:
    table = recipes.as_dict(recipes.load("fashion-cnn"))
    promise = {"parameters": 225_034, "seconds_per_epoch": 30.0}

    def expected(**accuracy: float) -> recipes.Recipe:
        return recipes.parse_recipe({**table, "expect": {**promise, **accuracy}}, "mine.toml")

    found = expected(validation_accuracy=0.9)
    assert found.expect is not None
    assert found.expect.accuracy == ("validation", 0.9)
    assert "test_accuracy" not in recipes.dump(found)
    for wrong in ({}, {"validation_accuracy": 0.9, "test_accuracy": 0.9}):
        with pytest.raises(UsageError, match="expect: give test_accuracy or validation_accuracy"):
            expected(**wrong)


def test_the_head_of_every_recipe_states_its_command() -> None:
    for name in recipes.names():
        text = (recipes.RECIPES / f"{name}.toml").read_text()
        assert f"hemline train {name}\n" in text.partition("\nname =")[0]
        assert recipes.load(name).name == name


def test_an_unknown_recipe_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"no recipe 'fashion-cn'; nearest: fashion-cnn; .*PATH\.toml"):
        recipes.load("fashion-cn")


@pytest.mark.parametrize(
    ("line", "changed", "message"),
    [
        ("epochs = 4", "epoch = 4", r"no key 'training.epoch'; nearest: training.epochs"),
        ('name = "tiny"', 'name = "../tiny"', r"recipe: name '../tiny'; it is letters"),
        ("epochs = 4", "", r"training.epochs is missing"),
        ("epochs = 4", "epochs = 4.5", r"training.epochs is a whole number, found 4.5"),
        ("epochs = 4", "epochs = true", r"training.epochs is a whole number, found True"),
        ("epochs = 4", "epochs = 0", r"training.epochs is from 1 to 100000, found 0"),
        ("learning_rate = 0.01", "learning_rate = nan", r"training.learning_rate is above 0.0 to 10.0, found nan"),
        ("learning_rate = 0.01", "learning_rate = '1'", r"training.learning_rate is a number, found '1'"),
        ("validation = 0.25", "validation = 0.95", r"data.validation is from 0.0 to 0.9, found 0.95"),
        ("[data]", "[dta]", r"no key 'dta'; nearest: data"),
        ("height = 28", "height = 0", r"preprocess: .*0x28"),
        ("height = 28", "hight = 28", r"no key 'preprocess.hight'; nearest: preprocess.height"),
        ('"conv 4"', '"cnv 4"', r"model: 'cnv 4': no layer 'cnv'; nearest: conv"),
        ('"conv 4"', '"conv"', r"'conv': a conv needs its size, such as 'conv 32'"),
        ('"conv 4"', '"conv four"', r"'conv four': size is a whole number, found 'four'"),
        ('"conv 4"', '"conv 4 paddin=same"', r"no option 'paddin=same'; nearest: padding="),
        ('"conv 4"', '"conv 4 padding=some"', r"no padding 'some'; nearest: same"),
        ('"conv 4"', '"conv 4 kernel=3 kernel=5"', r"kernel is given twice"),
        ('"conv 4"', '"conv 0"', r"'conv 0': filters 0; it is 1 or more"),
        ('"dropout 0.2"', '"dropout 1.0"', r"rate 1.0; it is 0 or more and below 1"),
        ('"flatten"', '"flatten 3"', r"'flatten 3': no option '3'"),
        ('"flatten"', '""', r"an empty line"),
        ('"flatten"', "7", r"model.layers is a list of text"),
        ("epochs = 4", "epochs = ", r"tiny.toml: not TOML"),
        ("epochs = 4", "epochs = 4\noptimiser = 'adm'", r"training.optimiser: no choice 'adm'; nearest: adam"),
    ],
)
def test_a_wrong_recipe_names_the_file_and_the_key(tiny: Path, line: str, changed: str, message: str) -> None:
    text = tiny.read_text()
    assert line in text
    tiny.write_text(text.replace(line, changed, 1))
    with pytest.raises(UsageError, match=message) as caught:
        recipes.load(tiny)
    assert str(caught.value).startswith(str(tiny))
    assert "\n" not in str(caught.value)


def test_a_recipe_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere.toml: no such"):
        recipes.load(tmp_path / "nowhere.toml")


def test_set_changes_a_key_and_drops_the_promise() -> None:
    recipe = recipes.load("fashion-cnn")
    changed = recipes.override(recipe, ["training.epochs=3", "seed=7", "data.name=other"])
    assert (changed.training.epochs, changed.seed, changed.data.name) == (3, 7, "other")
    assert changed.expect is None
    assert changed.training.learning_rate == recipe.training.learning_rate


def test_set_to_the_value_it_has_changes_nothing() -> None:
    recipe = recipes.load("fashion-cnn")
    assert recipes.override(recipe, [f"seed={recipe.seed}"]) == recipe
    assert recipes.override(recipe, []) == recipe


def test_set_takes_a_list_and_a_number_as_text(tiny: Path) -> None:
    recipe = recipes.override(recipes.load(tiny), ["model.layers=['flatten', 'dense 3']", "data.name=2024"])
    assert recipe.model.layers == ("flatten", "dense 3")
    assert recipe.data.name == "2024"


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("training.epoch=3", r"no key 'training.epoch'; nearest: training.epochs"),
        ("training=3", r"no key 'training'"),
        ("epochs", r"--set epochs: write KEY=VALUE"),
        ("training.epochs=three", r"training.epochs is a whole number, found 'three'"),
        ("expect.test_accuracy=0.1", r"no key 'expect.test_accuracy'"),
    ],
)
def test_a_wrong_set_says_what_to_write(assignment: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        recipes.override(recipes.load("fashion-cnn"), [assignment])


def test_every_kind_of_layer_can_be_written_with_its_options() -> None:
    assert parse(["conv 8 kernel=5 padding=same activation=none"]) == (Conv(8, 5, "same", "none"),)
    assert parse(["pool", "pool 3"]) == (Pool(2), Pool(3))
    assert parse(["pool 3 padding=same", "batchnorm"]) == (Pool(3, "same"), BatchNorm())
    assert parse(["conv 8 stride=2 norm=batch"]) == (Conv(8, stride=2, norm="batch"),)
    assert parse(["residual 8", "residual 16 stride=2", "average"]) == (Residual(8), Residual(16, 2), Average())
    each = ["conv 1", "residual 1", "average", "maximum", "pool", "batchnorm", "dropout 0", "flatten", "dense 1"]
    assert {type(layer) for layer in parse(each)} == set(KINDS.values())


def test_reading_recipes_loads_no_tensorflow() -> None:
    code = (
        "import sys; from hemline_train import recipe, commands; recipe.load('fashion-cnn');"
        "import hemline_train.commands.train;"
        "print([name for name in ('tensorflow', 'keras', 'matplotlib') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
