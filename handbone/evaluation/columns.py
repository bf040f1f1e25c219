"""The columns of a metrics table, by name."""

#: Number of the fold whose gate decided in an image; empty where the gate that knows all patients did.
GATE_FOLD = "gate_fold"
#: Columns that hold no figures.
FACTS = frozenset(
    {"image_name", "part", "person", "bone", "stage", "both_empty", "truth_area", "area", "bend_degrees", "pose"}
    | {GATE_FOLD}
)
_FIGURES = frozenset({"dice", "hd95_px", "boundary_iou"})


def is_taken(name: str) -> bool:
    """Whether every run has a column of this name, so that no further metric can have it."""
    return name in FACTS | _FIGURES or name.startswith("nsd_")
