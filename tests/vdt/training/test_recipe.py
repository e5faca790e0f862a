"""Recipes: TOML in, frozen dataclasses out, anything unknown refused."""

import re
from importlib.resources import files
from pathlib import Path

import pytest

from vdt.config import VAE_CONFIGS, VDT_CONFIGS
from vdt.training import VAERecipe, VDTRecipe, read_recipe


def write(tmp_path, text):
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    return path


def test_shipped_recipes_are_valid():
    recipes = [Path(str(entry)) for entry in files("vdt.training").joinpath("recipes").iterdir()]
    assert {type(read_recipe(path)) for path in recipes if path.suffix == ".toml"} == {VAERecipe, VDTRecipe}


def test_named_size_with_changes(tmp_path):
    recipe = read_recipe(
        write(tmp_path, 'kind = "vdt"\n[model]\nname = "VDT-S/2"\ndepth = 3\ndiffusion = {prediction = "v"}\n')
    )
    assert recipe.model.depth == 3 and recipe.model.hidden_size == VDT_CONFIGS["VDT-S/2"].hidden_size
    assert recipe.model.diffusion.prediction == "v"
    assert read_recipe(write(tmp_path, 'kind = "vae"\n')).model == VAE_CONFIGS["small"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'needs kind = "vae" or kind = "vdt"'),
        ("kind = ", "not valid TOML"),
        ('kind = "vae"\nspeed = 3', "unknown setting 'speed'"),
        ('kind = "vae"\n[optim]\nstep = 3', "optim: unknown setting 'step'"),
        ('kind = "vae"\n[optim]\nsteps = "many"', "optim: steps is 'many', expected int"),
        ('kind = "vae"\n[optim]\nprecision = "int8"', "expected one of 'float32', 'bfloat16'"),
        ('kind = "vdt"\n[model]\nname = "VDT-XXL"', "no size 'VDT-XXL'"),
        ('kind = "vdt"\n[model]\nhidden_size = 64', "missing"),
        ('kind = "vae"\n[data]\nfresh = 0.1', "data.fresh is for a VDT: a VAE learns from clips that are made before"),
        ('kind = "vae"\n[[data.buckets]]\nframes = 8\nsize = 64', "data.buckets are for a VDT: a VAE learns"),
    ],
)
def test_mistakes_are_named(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        read_recipe(write(tmp_path, text))


def test_missing_recipe_is_one_sentence(tmp_path):
    with pytest.raises(ValueError, match=r"no file at .*see vdt/training/recipes"):
        read_recipe(tmp_path / "none.toml")


def test_every_number_has_a_range_and_every_setting_a_type(tmp_path):
    """Settings of all tables with values of all kinds: what is accepted is a finite number within its bounds."""
    tables = {
        "": "model data optim run loss min_snr_gamma given_noise tasks init distill rescale kl decoder_only vae",
        "model": "name hidden_size depth num_heads patch_size num_frames input_size mlp_ratio ch ch_mult num_groups",
        "model.diffusion": "num_timesteps beta_start beta_end prediction zero_terminal_snr latent_scale",
        "data": "source folder split clips size num_frames at_start fps flip",
        "optim": "optimizer steps batch lr betas weight_decay warmup decay clip_norm ema precision compile",
        "run": "seed log_every sheet_every save_every",
        "distill": "steps substeps guidance text_guidance temperature teacher_share",
        "tasks": "predict dance",
    }
    values = ("0", "-1", "3", "true", '"x"', "1.5", "nan", "inf", "9" * 400, "9" * 5000, "[]", "[1, 0]", "[[1]]", "{}")
    values += ("{a = 1}", "1979-05-27", "[0.9, inf]", "[nan, 0.9]")
    for kind in ("vae", "vdt"):
        for table, names in tables.items():
            for name in names.split():
                for value in values:
                    head = f"[{table}]\n" if table else ""
                    named = 'name = "VDT-XS/2"\n' if (kind, table) == ("vdt", "model") and name != "name" else ""
                    path = write(tmp_path, f'kind = "{kind}"\n{head}{named}{name} = {value}\n')
                    try:
                        recipe = read_recipe(path)
                    except ValueError as error:
                        assert str(path) in str(error) and len(str(error)) < 600, (kind, table, name, value)
                    else:
                        assert not re.search(r"nan|inf\b", repr(recipe)), (kind, table, name, value)


def test_bad_settings_are_named_with_what_is_expected(tmp_path):
    for text, words in (
        ("model = 5", r"model is 5, expected a table \[model\]"),
        ("data = 1.5", r"data is 1.5, expected a table \[data\]"),
        ("loss = []", "loss is \\[\\], expected one of 'corrected', 'official'"),
        ("[optim]\nbatch = 0", "optim: batch must be a whole number from 1 to .*, got 0"),
        ("[optim]\nlr = inf", "optim: lr must be a number from 0 to .*, got inf"),
        ("[optim]\nema = 5.0", "optim: ema must be a number from 0 to .*, got 5.0"),
        ("[optim]\ndecay = nan", "optim: decay must be a number"),
        ("[optim]\nbetas = [0.9]", "optim: betas must be a list of 2, got 1"),
        ("[run]\nlog_every = 0", "run: log_every must be a whole number from 1"),
        ("[run]\nsave_every = 0", "run: save_every must be a whole number from 1"),
        ("[run]\nsheet_every = -1", "run: sheet_every must be a whole number from 1"),
        ("[tasks]\ndance = 1", "tasks: unknown task 'dance', expected some of predict"),
        ("[tasks]\npredict = 0", "tasks: all weigh 0"),
        ("[model]\nname = {a = 1}", "model: no size"),
        ("[model]\nhiden_size = 64", "model: unknown setting 'hiden_size', expected some of hidden_size"),
        ('[model]\nname = "VDT-XS/2"\ndepth = "8"', "model: depth must be a whole number from 1 to 1,024, got '8'"),
        ('[data]\nsource = "folder"', "data: source 'folder' needs folder"),
    ):
        with pytest.raises(ValueError, match=words):
            read_recipe(write(tmp_path, f'kind = "vdt"\n{text}\n'))


def test_encodings_and_depth_are_refused_in_a_sentence_and_a_byte_order_mark_is_read(tmp_path):
    path = write(tmp_path, "")
    for content, words in (
        (b'kind = "vae"\n# \xff', "not encoded in UTF-8"),
        (b"a = " + b"[" * 5000 + b"]" * 5000, "nested too deep|not valid TOML"),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=words):
            read_recipe(path)
    path.write_bytes(b'\xef\xbb\xbfkind = "vae"\n')
    assert isinstance(read_recipe(path), VAERecipe)
