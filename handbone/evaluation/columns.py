"""The columns of a metrics table, by name."""

#: Number of the fold whose gate decided in an image; empty where the gate that knows all patients did.
GATE_FOLD = "gate_fold"
#: Columns that hold no metrics.
FACTS = frozenset(
    {
        "image_name",
        "split",
        "patient_id",
        "side",
        "bone",
        "stage",
        "both_empty",
        "missed",
        "invented",
        "ground_truth_area",
        "area",
        "bend_degrees",
        "pose",
    }
    | {GATE_FOLD}
)
_METRICS = frozenset({"dice", "hd95_px", "boundary_iou"})


def is_taken(name: str) -> bool:
    """Whether every run has a column of this name, so that no extra metric can have it."""
    return name in FACTS | _METRICS or name.startswith("nsd_")
