"""A recipe with every step and every kind of file in it, for tests of what a change does again; nothing is trained."""

from pathlib import Path

from handbone.recipe.keys import recipe_keys, value_of
from handbone.recipe.schema import Choice, Recipe
from handbone.runs.engine import Run
from handbone.runs.folder import RunFolder


def everything(folder: Path) -> Recipe:
    """All stages on, both networks trained from weights and with encoder weights that lie in `folder`."""
    for name in ("coarse", "refiner", "prior", "encoder", "sam"):
        (folder / f"{name}.safetensors").write_bytes(name.encode() * 100)

    def network(stage: str) -> dict:
        model = Choice(name="unet", encoder="resnet18", encoder_weights=str(folder / "encoder.safetensors"))
        return {"model": model, "weights": str(folder / f"{stage}.safetensors")}

    prompter = Choice(name="segment_anything", checkpoint=str(folder / "sam.safetensors"))
    return Recipe(
        name="all",
        coarse=network("coarse"),
        refine=network("refiner"),
        prompt={"prompter": prompter, "tune": {}},
        merge={"gate": "calibrated"},
        predict={"calibrate": 4, "prior": str(folder / "prior.safetensors")},
    )


def changed(recipe: Recipe, key: str, value=None) -> Recipe:
    """The recipe with another value for a key; without `value`, one of the same type that no check has seen."""
    value = _other(value_of(recipe, key)) if value is None else value

    def within(table, names):
        inner = value if len(names) == 1 else within(getattr(table, names[0]), names[1:])
        return table.model_copy(update={names[0]: inner})

    return within(recipe, key.split("."))


def _other(value):
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, Choice):
        return Choice(name={"unet": "linknet"}.get(value.name, value.name), **(value.settings | _extra(value)))
    if isinstance(value, tuple):
        return (*value, *value) if value else ("changed",)
    return {"changed": "changed"} if isinstance(value, dict) else "changed"


def _extra(choice: Choice) -> dict:
    """A further setting of those things whose name stays."""
    if "checkpoint" in choice.settings:
        return {"checkpoint": str(Path(choice.settings["checkpoint"]).with_name("prior.safetensors"))}
    return {"adamw": {"betas": [0.5, 0.9]}, "cosine": {"floor": 0.5}}.get(choice.name, {})


def marks(recipe: Recipe, folder: Path, dataset=None) -> dict[str, str]:
    """Each step's fingerprint; synthetic hands are drawn where there is no data set."""
    run = Run(recipe, RunFolder(folder / "run"), dataset is None, dataset)
    return {planned.step.name: planned.fingerprint for planned in run.plan()}


def downstream(steps, first: set[str]) -> set[str]:
    """Names of steps and what is made from them; "data" stands for own radiographs."""
    found = set(first)
    for step in steps:
        if found & set(step.inputs) or ("synthetic" in found and "data" in step.inputs):
            found.add(step.name)
    return found & {step.name for step in steps}


KEYS = recipe_keys()
