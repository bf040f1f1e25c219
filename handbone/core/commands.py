"""handbone's own commands: the module of each and its line in `handbone --help`.

They are listed here so that the help need not import every command; a test compares this list with the commands.
"""

#: Name to (module below `handbone.cli`, first sentence of its help), in the order of the help.
COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("run", "Run a recipe: train, predict, refine, merge, evaluate and report."),
    "compare": ("compare", "Run recipes in turn and compare their metrics on the same images."),
    "predict": (
        "predict",
        "Outline the 29 bones of radiographs: PNG, JPEG or TIFF of any size, 8 or 16 bit, grey or colour.",
    ),
    "refine": (
        "refine",
        "Refine the wrist, or other bones, at full resolution, and keep a refined mask only if the gate accepts it.",
    ),
    "ensemble": ("ensemble", "Join several predictions of the same images into one, bone by bone."),
    "export": ("export", "Write the masks of a run, of predictions or of a contest CSV in another format."),
    "export-model": (
        "export_model",
        "Write networks as ONNX or OpenVINO files, which predict without torch: handbone predict --weights DIR.",
    ),
    "bench": (
        "bench",
        "Measure how long a radiograph takes on this machine, by runtime, precision and threads, and say what to use.",
    ),
    "measure": (
        "measure",
        "Measure the bones of hands: lengths, ratios, the wrist, angles, cortical thickness.",
    ),
    "evaluate": (
        "evaluate",
        "Score masks against labels: Dice, boundary distances, intervals over patients, and a paired comparison.",
    ),
    "adapt": ("adapt", "Adapt weights to your own radiographs, without labels."),
    "data": ("data", "Check, summarise and draw data; compare and merge labels."),
    "recipes": ("recipes", "List, show, copy and check recipes."),
    "weights": ("weights", "List, show, fetch and pack trained weights."),
    "plugins": ("plugins", "List, show, install, remove, enable, disable, check and create plugins."),
}
