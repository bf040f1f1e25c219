"""Old names of recipe keys, so that an error about one suggests the present name."""

#: Old key to present key, by the last part of the dotted name.
OLD_KEYS = {
    "accumulate": "accumulate_grad_batches",
    "batch": "batch_size",
    "clip": "gradient_clip_norm",
    "crop": "roi",
    "keep_norm": "freeze_batchnorm",
    "normal_unit": "normal_mc3_length_px",
    "phantom": "synthetic",
    "picture_size": "image_size",
    "regions": "extra_rois",
    "repeats": "samples_per_image",
    "rise": "progressive_resizing",
    "roam": "random_roi_probability",
    "when_phantom": "when_synthetic",
    "wider": "fallback_scale",
    "window": "size_px",
    "windows": "rois",
}
