"""Crews that make results without any network, for what happens around them."""

from dataclasses import asdict

from page_toys import bone_masks

from handbone.core.files import write_text
from handbone.workflows.one_by_one import Outcome
from handbone.workflows.outlining import names_of_hands
from handbone.workflows.records import ImageRecord
from handbone.workflows.stored_results import StoredResults

SIZE_HW = (150, 120)


def outlining(task, items):
    """Outlines by names: "cut" cannot be read, "odd" fails as nobody foresaw, "two" shows two hands."""
    kept = StoredResults(task.folder, task.fingerprint)
    for item in items:
        key = item.image.key
        if "cut" in key:
            yield Outcome(key, error=f"{key}: is cut", unread=True)
        elif "odd" in key:
            write_text(task.folder / "errors" / f"{item.stem}.txt", "Traceback")
            yield Outcome(key, error=f"{key}: ValueError: odd; errors/{item.stem}.txt has the whole message")
        else:
            count = 2 if "two" in key else 1
            names, stems = names_of_hands(key, count), names_of_hands(item.stem, count)
            for number, (name, stem) in enumerate(zip(names, stems, strict=True)):
                masks = bone_masks(29 - number, SIZE_HW)
                kept.overlay(stem).parent.mkdir(parents=True, exist_ok=True)
                kept.overlay(stem).write_text(f"drawn {name}")
                record = ImageRecord(name, str(item.image.path), size_hw=SIZE_HW, hands=count)
                kept.keep(name, stem, f"key of {key}", {"record": asdict(record), "rle": masks.to_rle()})
            yield Outcome(key, tuple(names))


def content(folder):
    """Every file of a folder and its bytes."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
